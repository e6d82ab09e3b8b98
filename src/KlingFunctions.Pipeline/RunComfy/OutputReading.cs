using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// Finds the files that a result names. RunComfy documents <c>output</c> with <c>video</c>, <c>videos</c>, <c>image</c> and
/// <c>images</c>. Without a video there, the whole answer is searched: the video is paid for, whatever the shape of the answer. The last
/// search also includes properties that usually hold no result, for URLs that are videos by their extension.
/// </summary>
internal static class OutputReading
{
    private const int Deepest = 16;
    private const int MostFound = 32;
    private const int MostNamed = 1_000;

    // Properties that hold results, the documented one first.
    private static readonly string[] Places = ["output", "outputs", "result", "results", "data", "response"];

    // Properties that repeat the input, and addresses of calls.
    private static readonly HashSet<string> Passed = new(StringComparer.OrdinalIgnoreCase)
    {
        "input", "inputs", "request", "parameters", "params", "payload", "arguments", "elements", "image_urls", "image_list", "frontal_image_url",
        "reference_image_urls", "start_image_url", "end_image_url", "webhook", "webhook_url", "callback_url", "status_url", "result_url", "cancel_url",
        "model_url", "response_url", "logs", "error", "errors", "metadata",
    };

    private static readonly string[] TypeKeys = ["content_type", "mime_type", "mimeType", "contentType", "type", "kind"];
    private static readonly string[] VideoWords = ["video", "mp4", "movie", "clip"];
    private static readonly string[] ImageWords = ["image", "picture", "thumb", "poster", "cover", "frame", "still", "gif", "png", "jpg"];
    private static readonly string[] OtherWords = ["audio", "sound", "caption", "subtitle"];
    private static readonly string[] LesserWords = ["thumb", "preview", "poster", "cover", "watermark", "sample", "low"];
    private static readonly string[] VideoExtensions = [".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".qt"];
    private static readonly string[] ImageExtensions = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp"];
    private static readonly string[] OtherExtensions = [".mp3", ".wav", ".m4a", ".aac", ".ogg", ".json", ".txt", ".srt", ".vtt", ".zip"];

    /// <summary>Every file, videos first and the primary video first of all; the same URL once.</summary>
    public static IReadOnlyList<OutputFile> Files(JsonElement reply)
    {
        var documented = Documented(reply);
        if (documented.Any(IsVideo)) return documented;
        var places = Places.Select(place => Property(reply, place)).Append(reply).ToList();
        var found = Found(places);
        if (!found.Exists(file => file.Kind is OutputKind.Video)) found = Found(places, isLastSearch: true);
        return Merge(found, documented);
    }

    /// <summary>Whether a video or an image is named where only a success names one.</summary>
    public static bool TellsSuccess(JsonElement reply) =>
        Documented(reply).Count > 0 || Found(Places.Select(place => Property(reply, place)).Append(Bare(reply))).Any(found => found.Rank == 0);

    /// <summary>Whether the documented property holds any URL: it is present only after success.</summary>
    public static bool HasOutput(JsonElement reply) => Found([Property(reply, "output"), Property(reply, "outputs")]).Count > 0;

    /// <summary>Whether a file of this URL may be a video, though its key promises an image.</summary>
    public static bool MayBeVideo(string url) => KindByExtension(url) is not OutputKind.Image;

    // An answer that is nothing but its output.
    private static JsonElement? Bare(JsonElement reply) => reply.ValueKind is JsonValueKind.String or JsonValueKind.Array ? reply : null;

    private static bool IsVideo(OutputFile file) => file.Kind is OutputKind.Video && KindByExtension(file.Url) is not OutputKind.Image;

    private static IReadOnlyList<OutputFile> Documented(JsonElement reply)
    {
        if (Property(reply, "output") is not { ValueKind: JsonValueKind.Object } output) return [];
        return
        [
            .. Urls(output, "video", OutputKind.Video)
                .Concat(Urls(output, "videos", OutputKind.Video))
                .OrderBy(file => !IsVideo(file))
                .Concat(Urls(output, "image", OutputKind.Image))
                .Concat(Urls(output, "images", OutputKind.Image))
                .DistinctBy(file => file.Url),
        ];
    }

    private static IEnumerable<OutputFile> Urls(JsonElement output, string key, OutputKind kind)
    {
        if (Property(output, key) is not { } value) yield break;
        if (value.ValueKind != JsonValueKind.Array)
        {
            if (Url(value) is { } single) yield return new(key.EndsWith('s') ? key + "-1" : key, kind, single);
            yield break;
        }

        var place = 0;
        foreach (var item in value.EnumerateArray().Take(MostNamed))
        {
            place++;
            if (Url(item) is { } url) yield return new($"{key}-{place}", kind, url);
        }
    }

    /// <summary>A string, as documented, or an object with a <c>url</c>, as in fal's schema, from which RunComfy's is derived.</summary>
    private static string? Url(JsonElement value) =>
        (value.ValueKind == JsonValueKind.Object ? Property(value, "url") is { } url ? Text(url) : null : Text(value))?.Trim() is { Length: > 0 } text
            && !text.StartsWith('{') && !text.StartsWith('[')
            ? text
            : null;

    /// <summary>The files of the first place that names a video.</summary>
    private static List<Candidate> Found(IEnumerable<JsonElement?> places, bool isLastSearch = false)
    {
        List<Candidate> found = [];
        foreach (var place in places.OfType<JsonElement>())
        {
            found.Clear();
            Search(place, [], siblingType: null, depth: 0, isLastSearch, found);
            if (found.Any(c => c.Kind is OutputKind.Video)) break;
        }
        return [.. found.OrderBy(c => c.Kind).ThenBy(c => c.Rank).DistinctBy(c => c.Url)];
    }

    private static List<OutputFile> Merge(List<Candidate> found, IReadOnlyList<OutputFile> documented)
    {
        var files = new List<OutputFile>();
        var videos = found.Where(c => c.Kind is OutputKind.Video).Select(c => c.Url).ToHashSet(StringComparer.Ordinal);
        var kept = documented.Where(file => !videos.Contains(file.Url)).ToList();
        foreach (var candidate in found)
        {
            if (kept.Any(file => file.Url == candidate.Url)) continue;
            var word = candidate.Kind is OutputKind.Video ? "video" : "image";
            var name = word;
            for (var n = 2; files.Concat(kept).Any(file => file.Name == name); n++) name = string.Create(CultureInfo.InvariantCulture, $"{word}s-{n}");
            files.Add(new(name, candidate.Kind, candidate.Url));
        }
        return [.. files.Concat(kept).OrderBy(file => file.Kind)];
    }

    private static void Search(JsonElement json, IReadOnlyList<string> keys, string? siblingType, int depth, bool isLastSearch, List<Candidate> found)
    {
        if (depth > Deepest || found.Count >= MostFound) return;
        switch (json.ValueKind)
        {
            case JsonValueKind.Object:
                var type = TypeKeys.Select(key => Property(json, key) is { } value ? Text(value) : null).FirstOrDefault(text => text is not null);
                foreach (var (name, value) in Members(json))
                {
                    if (isLastSearch || !Passed.Contains(name)) Search(value, [.. keys, name], type ?? siblingType, depth + 1, isLastSearch, found);
                }
                break;
            case JsonValueKind.Array:
                foreach (var item in json.EnumerateArray()) Search(item, keys, siblingType, depth + 1, isLastSearch, found);
                break;
            case JsonValueKind.String when MayName(json) && Text(json)?.Trim() is { Length: > 0 } text:
                if (text[0] is '{' or '[' && Parse(text) is { } inner) Search(inner, keys, siblingType, depth + 1, isLastSearch, found);
                else if (Judge(text, keys, siblingType) is { } candidate && (!isLastSearch || MayBeResult(candidate, keys))) found.Add(candidate);
                break;
            default:
                break;
        }
    }

    // Checked on the bytes: strings of the thousands of other texts in a long answer would take too much memory.
    private static bool MayName(JsonElement text) => JsonMarshal.GetRawUtf8Value(text).ContainsAny("/\\{["u8);

    private static bool MayBeResult(Candidate candidate, IReadOnlyList<string> keys) =>
        KindByExtension(candidate.Url) is OutputKind.Video || !keys.Any(Passed.Contains);

    private static Candidate? Judge(string text, IReadOnlyList<string> keys, string? siblingType)
    {
        var byExtension = KindByExtension(text);
        var isUrl = text.StartsWith("//", StringComparison.Ordinal) || text.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("http:\\", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("https:\\", StringComparison.OrdinalIgnoreCase);
        if (!isUrl && (byExtension is null || !text.Contains('/'))) return null;
        if (EndsWith(text, OtherExtensions)) return null;
        var lesser = keys.Any(key => Has(key, LesserWords)) ? 2 : 0;
        if ((byExtension ?? KindByType(siblingType)) is { } sure) return new(text, sure, lesser);
        foreach (var key in keys.Reverse())
        {
            // "image_to_video" and "video_with_audio" name a video, "video_cover" an image, "video_audio" either.
            if (EndsWithWord(key, VideoWords)) return new(text, OutputKind.Video, lesser);
            if (Has(key, OtherWords)) return Has(key, VideoWords) ? new(text, OutputKind.Video, Math.Max(lesser, 1)) : null;
            if (Has(key, ImageWords)) return new(text, OutputKind.Image, lesser);
            if (Has(key, VideoWords)) return new(text, OutputKind.Video, lesser);
        }
        return new(text, OutputKind.Video, Math.Max(lesser, 1));
    }

    private static OutputKind? KindByType(string? type) =>
        type is null ? null
        : type.StartsWith("video", StringComparison.OrdinalIgnoreCase) ? OutputKind.Video
        : type.StartsWith("image", StringComparison.OrdinalIgnoreCase) ? OutputKind.Image
        : null;

    private static OutputKind? KindByExtension(string url) =>
        EndsWith(url, VideoExtensions) ? OutputKind.Video : EndsWith(url, ImageExtensions) ? OutputKind.Image : null;

    private static bool EndsWith(string url, string[] extensions)
    {
        var end = url.IndexOfAny(['?', '#']);
        var path = (end < 0 ? url : url[..end]).TrimEnd();
        return Array.Exists(extensions, extension => path.EndsWith(extension, StringComparison.OrdinalIgnoreCase));
    }

    private static bool EndsWithWord(string key, string[] words) => Array.Exists(words, word => key.EndsWith(word, StringComparison.OrdinalIgnoreCase));

    private static bool Has(string key, string[] words) => Array.Exists(words, word => key.Contains(word, StringComparison.OrdinalIgnoreCase));

    private static IEnumerable<(string Name, JsonElement Value)> Members(JsonElement json)
    {
        foreach (var member in json.EnumerateObject())
        {
            string name;
            try
            {
                name = member.Name;
            }
            catch (InvalidOperationException)
            {
                continue; // the name is not valid Unicode
            }
            yield return (name, member.Value);
        }
    }

    private static JsonElement? Property(JsonElement json, string name)
    {
        try
        {
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : null;
        }
        catch (InvalidOperationException)
        {
            return null; // a name somewhere in the object is not valid Unicode
        }
    }

    private static string? Text(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null; // a lone surrogate or broken UTF-8
        }
    }

    private static JsonElement? Parse(string text)
    {
        try
        {
            return JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <param name="Url">The URL as in the answer.</param>
    /// <param name="Kind">The kind by extension, by a media type beside it, or by its key; a video if all of these are missing.</param>
    /// <param name="Rank">0 with such a sign, 1 without one, 2 for a preview.</param>
    private sealed record Candidate(string Url, OutputKind Kind, int Rank);
}
