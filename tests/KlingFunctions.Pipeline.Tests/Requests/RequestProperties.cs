using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using static KlingFunctions.Pipeline.Tests.Requests.Reading;

namespace KlingFunctions.Pipeline.Tests.Requests;

/// <summary>Properties of every body, or of every valid one.</summary>
public class RequestProperties
{
    [Fact]
    public void Any_bytes_are_a_request_or_faults() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => IsSound(bytes ?? [])).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_JSON_is_a_request_or_faults() =>
        Prop.ForAll(AnyJson(3).ToArbitrary(), json => IsSound(JsonSerializer.SerializeToUtf8Bytes(json))).QuickCheckThrowOnFailure();

    [Fact]
    public void Truncated_body_is_a_fault() =>
        Prop.ForAll((from body in ValidBody from cut in Gen.Choose(1, 1_000_000) select (body, cut)).ToArbitrary(), given =>
        {
            var bytes = JsonSerializer.SerializeToUtf8Bytes(given.body);
            return Reader.Read(bytes.AsMemory(0, given.cut % bytes.Length)).Faults.Count > 0;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Valid_body_has_no_fault_and_its_normal_form_is_unchanged_by_reading() =>
        Prop.ForAll(ValidBody.ToArbitrary(), body =>
        {
            var request = AssertRequest(Read(body));
            var again = JsonNode.Parse(request.Input.GetRawText())!.AsObject();
            again["webhook_url"] = request.WebhookUrl;
            again["metadata"] = request.Metadata is { } metadata ? JsonNode.Parse(metadata.GetRawText()) : null;
            var second = AssertRequest(Read(again));
            return second.Input.GetRawText() == request.Input.GetRawText() && second.Fingerprint == request.Fingerprint;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Fingerprint_ignores_order_and_white_space() =>
        Prop.ForAll((from body in ValidBody from shuffled in Shuffled(body) select (body, shuffled)).ToArbitrary(), given =>
            AssertRequest(Read(given.body)).Fingerprint
                == AssertRequest(Read(given.shuffled!.ToJsonString(new JsonSerializerOptions { WriteIndented = true }))).Fingerprint)
            .QuickCheckThrowOnFailure();

    [Fact]
    public void Each_single_mistake_is_found_at_its_place() =>
        Prop.ForAll((from body in ValidBody from mistake in Gen.Elements(Mistakes) select (body, mistake)).ToArbitrary(), given =>
        {
            given.mistake.Make(given.body);
            return Read(given.body).Faults.Any(f => f.Pointer == given.mistake.Place && f.Code == given.mistake.Code);
        }).QuickCheckThrowOnFailure();

    private sealed record Mistake(string Place, string Code, Action<JsonObject> Make)
    {
        public override string ToString() => $"{Code} at {Place}";
    }

    private static readonly Mistake[] Mistakes =
    [
        new("/prompt", "required", body => body.Remove("prompt")),
        new("/prompt", "wrong_type", body => body["prompt"] = new JsonArray()),
        new("/prompt", "empty", body => body["prompt"] = "\n"),
        new("/prompt", "too_long", body => body["prompt"] += new string('x', 2_501)),
        new("/prompt", "misspelt_reference", body => body["prompt"] += " @element1"),
        new("/prompt", "dangling_reference", body => body["prompt"] += " @Image8"),
        new("/promt", "unknown_property", body => body["promt"] = null),
        new("/duration", "not_allowed_value", body => body["duration"] = 15),
        new("/duration", "wrong_type", body => body["duration"] = false),
        new("/aspect_ratio", "not_allowed_value", body => body["aspect_ratio"] = "21:9"),
        new("/elements", "wrong_type", body => body["elements"] = new JsonObject()),
        new("/elements", "too_many", body => body["elements"] = new JsonArray([.. Enumerable.Range(0, 8).Select(_ => Element())])),
        new("/elements/0", "wrong_type", body => body["elements"] = new JsonArray(1)),
        new("/elements/0/reference_image_urls", "too_few", body => body["elements"] = new JsonArray(Element(0))),
        new("/elements/0/reference_image_urls", "too_many", body => body["elements"] = new JsonArray(Element(5))),
        new("/elements/0/frontal_image_url", "invalid_url", body => body["elements"] = new JsonArray(Element(1, "image.png"))),
        new("/image_urls", "wrong_type", body => body["image_urls"] = "https://example.com/a.png"),
        new("/image_urls/0", "empty", body => body["image_urls"] = new JsonArray("")),
        new("/image_urls/0", "invalid_url", body => body["image_urls"] = new JsonArray("http://example.com/a.png")),
        new("/webhook_url", "invalid_url", body => body["webhook_url"] = "https://10.0.0.1/hook"),
        new("/metadata", "wrong_type", body => body["metadata"] = "text"),
    ];

    private static readonly Gen<string> Words =
        from words in Gen.Elements(
            "a cat", "walks", "through", "città", "猫が歩く", "😀", "someone@example.com", "100%", "\"quoted\"", "\n").NonEmptyListOf()
        select string.Join(' ', words.Take(20).Append("end"));

    private static Gen<JsonNode?> Url => from n in Gen.Choose(0, 1_000_000) select (JsonNode?)$"https://example.com/bücher/{n}.png?sig=a+b%2F&x='";

    private static Gen<JsonArray> Urls(int least, int most) =>
        from count in Gen.Choose(least, most)
        from urls in Url.ArrayOf(count)
        select new JsonArray(urls);

    private static Gen<JsonObject> ValidElement =>
        from references in Urls(1, 4)
        from frontal in Gen.OneOf(Url, Gen.Elements<JsonNode?>("", null))
        select new JsonObject { ["frontal_image_url"] = frontal?.DeepClone(), ["reference_image_urls"] = references };

    private static Gen<JsonObject> ValidBody =>
        from elementCount in Gen.Choose(0, 7)
        from elements in ValidElement.ArrayOf(elementCount)
        from images in Urls(0, 7 - elementCount)
        from words in Words
        from referredElements in Gen.Choose(0, elementCount)
        from referredImages in Gen.Choose(0, images.Count)
        from duration in Gen.Elements<Func<JsonNode?>>(() => "5", () => "10", () => 5, () => 10, () => null)
        from ratio in Gen.Elements("16:9", "9:16", "1:1", null)
        from webhook in Gen.Elements("https://example.com/hook?key=1", null)
        from metadata in Gen.OneOf(AnyJson(2).Select(any => (JsonNode?)new JsonObject { ["any"] = any, ["b"] = 1 }), Gen.Constant<JsonNode?>(null))
        select new JsonObject
        {
            ["prompt"] = string.Join(' ', [
                words,
                .. Enumerable.Range(1, referredElements).Select(i => $"@Element{i}"),
                .. Enumerable.Range(1, referredImages).Select(i => $"和@Image{i}"),
            ]),
            ["elements"] = elementCount == 0 ? null : new JsonArray([.. elements]),
            ["image_urls"] = images,
            ["duration"] = duration(),
            ["aspect_ratio"] = ratio,
            ["webhook_url"] = webhook,
            ["metadata"] = metadata,
        };

    /// <summary>JSON whose property names are often those of a request.</summary>
    private static Gen<JsonNode?> AnyJson(int depth)
    {
        var leaf = Gen.Elements<Func<JsonNode?>>(
            () => null, () => true, () => 5, () => -1.5e300, () => "", () => "5", () => "@Element1", () => "@Image99999999999999999999",
            () => "https://example.com/a.png", () => "https://[", () => "asset:../x", () => "\0\uFFFF").Select(make => make());
        if (depth == 0) return leaf;
        var name = Gen.Elements(
            "prompt", "elements", "image_urls", "duration", "aspect_ratio", "webhook_url", "metadata",
            "frontal_image_url", "reference_image_urls", "", "~/", "Prompt");
        return Gen.OneOf(
            leaf,
            from count in Gen.Choose(0, 5) from items in AnyJson(depth - 1).ArrayOf(count) select (JsonNode?)new JsonArray(items),
            from count in Gen.Choose(0, 5)
            from names in name.ArrayOf(count)
            from values in AnyJson(depth - 1).ArrayOf(count)
            select (JsonNode?)new JsonObject(names.Zip(values, KeyValuePair.Create).DistinctBy(p => p.Key)));
    }

    private static Gen<JsonNode?> Shuffled(JsonNode? node) => node switch
    {
        JsonObject o =>
            from order in Gen.Shuffle(o.ToArray())
            from values in Gen.CollectToArray(order, p => Shuffled(p.Value))
            select (JsonNode?)new JsonObject(order.Zip(values, (p, value) => KeyValuePair.Create<string, JsonNode?>(p.Key, value))),
        JsonArray a => Gen.CollectToArray(a.ToArray(), Shuffled).Select(items => (JsonNode?)new JsonArray(items)),
        _ => Gen.Constant(node?.DeepClone()),
    };

    private static bool IsSound(byte[] body)
    {
        var reading = Reader.Read(body, allowAssets: body.Length % 2 == 0);
        return (reading.Request is null) == (reading.Faults.Count > 0)
            && reading.Faults.Concat(reading.Warnings).All(f =>
                (f.Pointer is "" || f.Pointer[0] == '/') && f.Code.Length > 0 && f.Message.EndsWith('.'));
    }
}
