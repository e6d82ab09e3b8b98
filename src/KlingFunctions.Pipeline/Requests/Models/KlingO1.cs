using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Json;

namespace KlingFunctions.Pipeline.Requests.Models;

/// <summary>
/// Kling O1, reference image to video: the properties of its input, their limits and defaults, its images, and how a prompt refers to
/// them.
/// </summary>
/// <remarks>
/// The source of names, enumerations, counts and image limits is the schema on RunComfy's page
/// (https://www.runcomfy.com/models/kling/kling-video-o1/image-to-video/reference/api). Where it leaves a unit open, the stricter reading
/// is used, which is valid under the other one too: a megabyte is 1,000,000 bytes, a character of the prompt is a UTF-16 code unit (an
/// emoji counts as two or more).
/// </remarks>
internal sealed partial class KlingO1 : ModelContract
{
    /// <summary>The one instance.</summary>
    public static readonly KlingO1 Contract = new();

    /// <summary>The model's id, as RunComfy lists it.</summary>
    public const string ModelId = "kling/kling-video-o1/image-to-video/reference";

    /// <summary>
    /// The most UTF-16 code units of a prompt. RunComfy states no limit; Kling's own API accepts 2,500 characters
    /// (https://docs.comfy.org, Kling Omni video).
    /// </summary>
    public const int MaxPromptLength = 2_500;

    /// <summary>The most elements, the most images, and the most of both together.</summary>
    public const int MaxReferences = 7;

    /// <summary>The most reference images of one element, which needs at least one.</summary>
    public const int MaxElementImages = 4;

    /// <summary>The schema's limits for the images of an element.</summary>
    public static readonly ImageLimits ElementImages = new(10_000_000, 300, 300, 0.40, 2.50);

    /// <summary>
    /// The page's recommendation for any image by URL ("images ≤ 50 MB"): the schema itself sets no limit for <c>image_urls</c>.
    /// </summary>
    public static readonly ImageLimits ReferenceImages = new(50_000_000, 0, 0, 0, double.MaxValue);

    private static readonly string[] Names = [Prompt, Elements, ImageUrls, Duration, AspectRatio];

    private const string Prompt = "prompt";
    private const string Elements = "elements";
    private const string ImageUrls = "image_urls";
    private const string Duration = "duration";
    private const string AspectRatio = "aspect_ratio";
    private const string FrontalImageUrl = "frontal_image_url";
    private const string ReferenceImageUrls = "reference_image_urls";

    private static readonly string[] ElementPropertyNames = [FrontalImageUrl, ReferenceImageUrls];
    private static readonly string[] Durations = ["5", "10"];
    private static readonly string[] AspectRatios = ["16:9", "9:16", "1:1"];

    private KlingO1()
    {
    }

    /// <inheritdoc/>
    public override string Id => ModelId;

    internal override IReadOnlyList<string> PropertyNames => Names;

    /// <inheritdoc/>
    public override string? DurationOf(JsonElement input) =>
        input.ValueKind is JsonValueKind.Object && input.TryGetProperty(Duration, out var value) && Durations.Contains(value.ToString()) ? value.ToString() : null;

    internal override JsonElement Read(Properties body, Func<string, string?> addressFault, Findings findings)
    {
        var images = new ImageReading(addressFault, findings);
        var prompt = ReadPrompt(body, findings);
        var elements = ReadList(body, Elements, MaxReferences, findings, (element, place) => ReadElement(element, place, images, findings));
        var imageUrls = ReadList(body, ImageUrls, MaxReferences, findings, images.Read);
        var duration = ReadDuration(body, findings);
        var aspectRatio = ReadAspectRatio(body, findings);

        if (elements is { Count: <= MaxReferences } && imageUrls is { Count: <= MaxReferences } && elements.Count + imageUrls.Count > MaxReferences)
        {
            findings.Fault("", FaultCode.TooMany,
                $"There are {elements.Count} elements and {imageUrls.Count} image_urls: at most {MaxReferences} are accepted together.");
        }
        if (elements is { Count: 0 } && imageUrls is { Count: 0 })
            findings.Warn("", FaultCode.NoReferenceImages, "There are neither elements nor image_urls: the video will come from the prompt alone.");
        if (prompt is not null)
        {
            Referable[] referables =
            [
                new("Element", "element", elements?.Count, body.PointerTo(Elements)),
                new("Image", "image", imageUrls?.Count, body.PointerTo(ImageUrls)),
            ];
            CheckReferences(prompt, body.PointerTo(Prompt), referables, findings);
        }
        return JsonElement.Parse(new JsonObject
        {
            [Prompt] = prompt,
            [Elements] = elements,
            [ImageUrls] = imageUrls,
            [Duration] = duration,
            [AspectRatio] = aspectRatio,
        }.ToJsonString());
    }

    private static string? ReadPrompt(Properties body, Findings findings)
    {
        var place = body.PointerTo(Prompt);
        if (body[Prompt] is not { } value)
        {
            findings.Fault(place, FaultCode.Required, "The prompt is missing: say what the video should show.");
            return null;
        }
        if (value.ValueKind != JsonValueKind.String)
        {
            findings.Fault(place, FaultCode.WrongType, $"The prompt must be a text, not {Wording.Kind(value)}.");
            return null;
        }
        var prompt = value.GetString()!;
        if (string.IsNullOrWhiteSpace(prompt)) findings.Fault(place, FaultCode.Empty, "The prompt is empty: say what the video should show.");
        if (prompt.Length > MaxPromptLength)
            findings.Fault(place, FaultCode.TooLong, $"The prompt has {prompt.Length:N0} characters: at most {MaxPromptLength:N0} are accepted.");
        return prompt;
    }

    private static JsonArray? ReadList(Properties of, string name, int most, Findings findings, Func<JsonElement, string, JsonNode?> read)
    {
        if (of.Optional(name) is not { } list) return [];
        var place = of.PointerTo(name);
        if (list.ValueKind != JsonValueKind.Array)
        {
            findings.Fault(place, FaultCode.WrongType, $"{name} must be a list, not {Wording.Kind(list)}.");
            return null;
        }
        if (list.GetArrayLength() > most)
            findings.Fault(place, FaultCode.TooMany, $"There are {list.GetArrayLength()} {name}: at most {most} are accepted.");
        return [.. list.EnumerateArray().Select((item, i) => read(item, JsonPointer.Child(place, i)))];
    }

    private static JsonObject? ReadElement(JsonElement value, string place, ImageReading images, Findings findings)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            findings.Fault(place, FaultCode.WrongType, $"An element must be an object with {ReferenceImageUrls}, not {Wording.Kind(value)}.");
            return null;
        }
        var properties = Properties.Of(value, place, ElementPropertyNames, findings);
        var element = new JsonObject();

        // The schema's default is the empty text too.
        if (properties.Optional(FrontalImageUrl) is { } frontal)
            element[FrontalImageUrl] = images.Read(frontal, properties.PointerTo(FrontalImageUrl));

        var references = ReadList(properties, ReferenceImageUrls, MaxElementImages, findings, images.Read);
        if (references is { Count: 0 })
        {
            var code = properties.Optional(ReferenceImageUrls) is null ? FaultCode.Required : FaultCode.TooFew;
            findings.Fault(properties.PointerTo(ReferenceImageUrls), code, $"The element has no {ReferenceImageUrls}: give 1 to {MaxElementImages}.");
        }
        element[ReferenceImageUrls] = references;
        return element;
    }

    private static string ReadDuration(Properties body, Findings findings)
    {
        if (body.Optional(Duration) is not { } value) return Durations[0];
        if (value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
        {
            findings.Fault(body.PointerTo(Duration), FaultCode.WrongType, $"The duration must be \"5\" or \"10\", not {Wording.Kind(value)}.");
            return "";
        }
        var duration = value.ToString();
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds)) duration = seconds.ToString(CultureInfo.InvariantCulture);
        if (!Durations.Contains(duration))
        {
            findings.Fault(body.PointerTo(Duration), FaultCode.NotAllowedValue,
                $"The duration {Wording.Quote(duration)} is not offered: only \"5\" and \"10\" seconds are.");
        }
        return duration;
    }

    private static string ReadAspectRatio(Properties body, Findings findings)
    {
        if (body.Optional(AspectRatio) is not { } value) return AspectRatios[0];
        if (value.ValueKind != JsonValueKind.String)
        {
            findings.Fault(body.PointerTo(AspectRatio), FaultCode.WrongType, $"The aspect_ratio must be a text, not {Wording.Kind(value)}.");
            return "";
        }
        var ratio = value.GetString()!;
        if (!AspectRatios.Contains(ratio))
        {
            findings.Fault(body.PointerTo(AspectRatio), FaultCode.NotAllowedValue,
                $"The aspect_ratio {Wording.Quote(ratio)} is not offered: only \"16:9\", \"9:16\" and \"1:1\" are.");
        }
        return ratio;
    }

    private protected override ImageLimits? LimitsAt(JsonPlace place) => place switch
    {
        { IsItem: true, Parent: { Name: ImageUrls, Parent.IsRoot: true } } => ReferenceImages,
        { Name: FrontalImageUrl, Parent: { } element } when IsElement(element) => ElementImages,
        { IsItem: true, Parent: { Name: ReferenceImageUrls, Parent: { } element } } when IsElement(element) => ElementImages,
        _ => null,
    };

    private static bool IsElement(JsonPlace place) => place is { IsItem: true, Parent: { Name: Elements, Parent.IsRoot: true } };

    /// <summary>Reads addresses of images, and detects repeated ones.</summary>
    private sealed class ImageReading(Func<string, string?> addressFault, Findings findings)
    {
        private readonly Dictionary<string, string> _places = new(StringComparer.Ordinal);

        public JsonNode? Read(JsonElement value, string place)
        {
            if (value.ValueKind != JsonValueKind.String)
            {
                findings.Fault(place, FaultCode.WrongType, $"The address of an image must be a text, not {Wording.Kind(value)}.");
                return null;
            }
            var url = value.GetString()!;
            if (string.IsNullOrWhiteSpace(url))
                findings.Fault(place, FaultCode.Empty, "The address of the image is empty: give an https URL, or leave the entry out.");
            else if (addressFault(url) is { } fault)
                findings.Fault(place, FaultCode.InvalidUrl, fault);
            else if (!_places.TryAdd(url, place))
                findings.Warn(place, FaultCode.RepeatedImage, $"The same image is given at {_places[url]} already.");
            return url;
        }
    }

    /// <summary>A target of references in a prompt: <c>@Element1</c>, <c>@Element2</c> … or <c>@Image1</c>, <c>@Image2</c> …</summary>
    /// <param name="Word">The word in its exact spelling.</param>
    /// <param name="Noun">The noun for one of them in sentences.</param>
    /// <param name="Count">The number of them; <see langword="null"/> if unknown.</param>
    /// <param name="Pointer">The place of their list.</param>
    private sealed record Referable(string Word, string Noun, int? Count, string Pointer)
    {
        private static readonly string[] ShortForms = ["el", "elem", "elems", "im", "img", "imgs"];

        public bool Has(string number) =>
            Count is null || (int.TryParse(number, CultureInfo.InvariantCulture, out var n) && n >= 1 && n <= Count);

        public string Range => Count is > 1 ? $"@{Word}1 to @{Word}{Count}" : $"@{Word}1";

        /// <summary>Whether <paramref name="word"/> before a number was probably meant as this.</summary>
        public bool IsMeantBy(string word, bool numberFollowsAtOnce)
        {
            var lower = LookAlikes.Latin(word);
            if (lower == Noun || lower == Noun + "s") return true;
            return numberFollowsAtOnce
                && ((ShortForms.Contains(lower) && lower[0] == Noun[0])
                    || (Math.Abs(lower.Length - Noun.Length) <= 2 && NearestName.Distance(lower, Noun) <= Noun.Length / 3));
        }
    }

    // Cased letters only: Chinese and Japanese are written without spaces, so a reference may touch other characters.
    [GeneratedRegex(
        @"@(?<gap>\s?)(?<word>[\p{Lu}\p{Ll}\p{Lt}\p{M}]+)(?:(?<separator>[\s_#\p{Pd}]{0,2})(?<number>\p{Nd}+))?(?<tail>[A-Za-z0-9_]+)?",
        RegexOptions.CultureInvariant)]
    private static partial Regex Reference { get; }

    [GeneratedRegex(@"\G(?<=[A-Za-z0-9._%+-])@[A-Za-z0-9-]+\.[A-Za-z]", RegexOptions.CultureInvariant)]
    private static partial Regex MailAddress { get; }

    private static void CheckReferences(string prompt, string place, Referable[] referables, Findings findings)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        var told = new HashSet<string>(StringComparer.Ordinal);
        var (plain, places) = LookAlikes.Plain(prompt);
        foreach (Match match in Reference.Matches(plain))
        {
            var written = prompt[places[match.Index].Start..places[match.Index + match.Length - 1].End];
            string Part(string name) => match.Groups[name].Value;
            var (word, number, tail) = (Part("word"), AsciiDigits(Part("number")), Part("tail"));
            var numberFollowsAtOnce = number.Length > 0 && Part("separator").Length == 0 && Part("gap").Length == 0;

            // "@images_of_mine" is a user name, and "meet @ Image works" a place.
            if (number.Length == 0 && (tail.Length > 0 || Part("gap").Length > 0)) continue;
            var isInMailAddress = MailAddress.IsMatch(plain, match.Index);
            if (isInMailAddress && number.Length == 0) continue;
            if (referables.FirstOrDefault(r => r.IsMeantBy(word, numberFollowsAtOnce)) is not { } meant) continue;

            var right = $"@{meant.Word}{number}";
            var isMisspelt = written != right || number.Length == 0;
            if (isMisspelt && told.Add(written))
            {
                var advice = number.Length == 0 ? meant.Range : Wording.Quote(right) + (tail.Length > 0 ? " and a space after it" : "");
                var numbers = LookAlikes.Numbers(written);
                var says = $"The prompt says {Wording.Quote(written)}{(numbers.Length > 0 ? $" (with {numbers})" : "")}";
                if (isInMailAddress) findings.Warn(place, FaultCode.MisspeltReference, $"{says}: if it is no mail address but a reference, write {advice}.");
                else findings.Fault(place, FaultCode.MisspeltReference, $"{says}, which the model does not recognise: write {advice}.");
            }
            // Most likely a mail address.
            if (isMisspelt && isInMailAddress) continue;
            if (number.Length > 0 && used.Add(right) && !meant.Has(number))
            {
                var given = meant.Count switch
                {
                    0 => $"no {meant.Noun}s are given",
                    1 => $"only {meant.Range} is given",
                    _ => $"only {meant.Range} are given",
                };
                findings.Fault(place, FaultCode.DanglingReference,
                    $"The prompt says {Wording.Quote(right)}, but {given}: add the {meant.Noun} or take the reference out.");
            }
        }
        foreach (var referable in referables)
        {
            for (var i = 1; i <= referable.Count && i <= MaxReferences; i++)
            {
                if (!used.Contains($"@{referable.Word}{i}"))
                {
                    findings.Warn(JsonPointer.Child(referable.Pointer, i - 1), FaultCode.UnusedReference,
                        $"The prompt never refers to this {referable.Noun}: write @{referable.Word}{i} where it should appear.");
                }
            }
        }
    }

    /// <summary>The number in the model's spelling: digits 0 to 9, without leading zeros.</summary>
    private static string AsciiDigits(string digits)
    {
        if (digits.Length == 0) return "";
        var plain = string.Concat(digits.Select(c => (int)char.GetNumericValue(c))).TrimStart('0');
        return plain.Length == 0 ? "0" : plain;
    }
}
