using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;
using static KlingFunctions.Pipeline.Tests.Requests.Reading;

namespace KlingFunctions.Pipeline.Tests.Requests;

public class RequestReaderTests
{
    [Fact]
    public void Full_body_is_read_without_fault_or_warning()
    {
        var reading = Read(FullBody);
        var request = AssertRequest(reading);
        Assert.Empty(reading.Warnings);
        AssertJson("""
            {
              "prompt": "@Element1 walks through @Image1",
              "elements": [{
                "frontal_image_url": "https://example.com/front.png",
                "reference_image_urls": ["https://example.com/side.jpeg", "https://example.com/back.jpeg"]
              }],
              "image_urls": ["https://example.com/street.webp"],
              "duration": "10",
              "aspect_ratio": "9:16"
            }
            """, request.Input);
        Assert.Equal("https://example.com/hook?key=1", request.WebhookUrl);
        AssertJson("""{ "order": 7, "tags": ["a", "b"] }""", request.Metadata!.Value);
        Assert.Matches("^[0-9a-f]{64}$", request.Fingerprint);
    }

    [Theory]
    [InlineData("""{"prompt":"a cat"}""")]
    [InlineData("""{"prompt":"a cat","elements":[],"image_urls":[]}""")]
    [InlineData("""{"prompt":"a cat","elements":null,"image_urls":null,"duration":null,"aspect_ratio":null,"webhook_url":null,"metadata":null}""")]
    [InlineData("""{"prompt":"a cat","elements":"","image_urls":"","duration":"","aspect_ratio":"","webhook_url":"","metadata":""}""")]
    [InlineData("""{"aspect_ratio":"16:9","duration":5,"prompt":"a\u0020cat"}""")]
    public void Omitted_properties_get_defaults_and_the_same_fingerprint(string body)
    {
        var request = AssertRequest(Read(body));
        AssertJson("""{"prompt":"a cat","elements":[],"image_urls":[],"duration":"5","aspect_ratio":"16:9"}""", request.Input);
        Assert.Null(request.WebhookUrl);
        Assert.Null(request.Metadata);
        Assert.Equal(AssertRequest(Read("""{ "prompt": "a cat" }""")).Fingerprint, request.Fingerprint);
    }

    [Fact]
    public void Example_of_the_providers_page_is_accepted()
    {
        var reading = Read("""
            {
              "prompt": "Replace the character in the video with @Element1, maintaining the same movements and camera angles. Transform the landscape into @Image1",
              "elements": [{
                "frontal_image_url": "https://playgrounds-storage-public.runcomfy.net/tools/7244/media-files/input-1-2.png",
                "reference_image_urls": ["https://playgrounds-storage-public.runcomfy.net/tools/7244/media-files/input-1-3.jpeg"]
              }],
              "image_urls": ["https://playgrounds-storage-public.runcomfy.net/tools/7244/media-files/input-1-4.png"]
            }
            """);
        AssertRequest(reading);
        Assert.Empty(reading.Warnings);
    }

    [Fact]
    public void All_faults_are_reported_at_once()
    {
        var reading = Read("""
            {
              "promt": "hello",
              "elements": [{ "reference_image_urls": [] }, 5],
              "image_urls": ["http://example.com/a.png"],
              "duration": 7,
              "aspect_ratio": "4:3",
              "webhook_url": 1,
              "metadata": []
            }
            """);
        Assert.Null(reading.Request);
        Assert.Equal(
            [
                ("/promt", "unknown_property"), ("/prompt", "required"), ("/elements/0/reference_image_urls", "too_few"), ("/elements/1", "wrong_type"),
                ("/image_urls/0", "invalid_url"), ("/duration", "not_allowed_value"), ("/aspect_ratio", "not_allowed_value"),
                ("/webhook_url", "wrong_type"), ("/metadata", "wrong_type"),
            ],
            reading.Faults.Select(f => (f.Pointer, f.Code)));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("{", "line 1")]
    [InlineData("{\n \"prompt\": tru}", "line 2")]
    [InlineData("""{"prompt":"a"} x""", "line 1")]
    [InlineData("""{"prompt":"a",}""", "line 1")]
    [InlineData("""{"prompt":"\ud83d"}""", "half")]
    [InlineData("""{"\udc00":1}""", "half")]
    public void Invalid_JSON_is_refused_with_line_and_column(string body, string says) => AssertFault(Read(body), "", "invalid_json", says);

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused() =>
        AssertFault(Reader.Read(Encoding.Latin1.GetBytes("""{"prompt":"café"}""")), "", "invalid_json", "UTF-8");

    [Fact]
    public void Body_with_too_many_levels_is_refused() => AssertFault(Read(new string('[', 200_000)), "", "invalid_json");

    [Fact]
    public void Byte_order_mark_does_not_matter() =>
        Assert.Equal(AssertRequest(Read(FullBody)).Fingerprint, AssertRequest(Read("\ufeff" + FullBody)).Fingerprint);

    [Theory]
    [InlineData("[]", "a list")]
    [InlineData("\"prompt\"", "a text")]
    [InlineData("null", "null")]
    public void Body_that_is_not_an_object_is_refused(string body, string says) => AssertFault(Read(body), "", "wrong_type", says);

    [Theory]
    [InlineData("Prompt", "prompt")]
    [InlineData("imageurls", "image_urls")]
    [InlineData("image_url", "image_urls")]
    [InlineData("aspectRatio", "aspect_ratio")]
    [InlineData("webhook", "webhook_url")]
    [InlineData("meta_data", "metadata")]
    [InlineData("element", "elements")]
    public void Unknown_property_is_refused_with_the_nearest_known_name(string written, string meant) =>
        AssertFault(ReadChanged(body => body[written] = "x"), "/" + written, "unknown_property", $"\"{meant}\"");

    [Fact]
    public void Unknown_property_of_an_element_gets_the_elements_nearest_name() =>
        AssertFault(ReadChanged(body => body["elements"]![0]!["front_image_url"] = "x"),
            "/elements/0/front_image_url", "unknown_property", "\"frontal_image_url\"");

    [Fact]
    public void Pointer_is_escaped_by_RFC_6901() =>
        AssertFault(ReadChanged(body => body["a/b~c"] = 1), "/a~1b~0c", "unknown_property");

    [Theory]
    [InlineData("""{"prompt":"a","prompt":"b"}""", "/prompt")]
    [InlineData("""{"prompt":"a","prompt":null}""", "/prompt")]
    [InlineData("""{"prompt":"a","metadata":{"x":[{"y":1,"y":1}]}}""", "/metadata/x/0/y")]
    [InlineData("""{"prompt":"@Element1","elements":[{"frontal_image_url":"","frontal_image_url":"","reference_image_urls":["https://a.example"]}]}""",
        "/elements/0/frontal_image_url")]
    public void Duplicate_property_is_refused(string body, string place) => AssertFault(Read(body), place, "duplicate_property");

    [Fact]
    public void Prompt_is_required() => AssertFault(ReadChanged(body => { body.Remove("prompt"); }), "/prompt", "required");

    [Fact]
    public void Prompt_must_not_be_null() => AssertFault(ReadChanged(body => body["prompt"] = null), "/prompt", "required");

    [Fact]
    public void Prompt_must_be_a_text() => AssertFault(ReadChanged(body => body["prompt"] = 5), "/prompt", "wrong_type", "a number");

    [Theory]
    [InlineData("")]
    [InlineData(" \t\n")]
    public void Prompt_must_not_be_blank(string prompt) => AssertFault(ReadChanged(body => body["prompt"] = prompt), "/prompt", "empty");

    [Theory]
    [InlineData("x", 2_500)]
    [InlineData("😀", 1_250)]
    public void Prompt_has_at_most_2500_UTF16_code_units(string unit, int most)
    {
        string Prompt(int count) => string.Concat(Enumerable.Repeat(unit, count));
        AssertRequest(Read(new JsonObject { ["prompt"] = Prompt(most) }));
        AssertFault(Read(new JsonObject { ["prompt"] = Prompt(most) + "x" }), "/prompt", "too_long", "2,501", "2,500");
    }

    [Theory]
    [InlineData("\"5\"", "5")]
    [InlineData("\"10\"", "10")]
    [InlineData("5", "5")]
    [InlineData("10", "10")]
    [InlineData("10.0", "10")]
    [InlineData("1e1", "10")]
    public void Duration_may_be_a_text_or_a_number(string written, string duration) =>
        Assert.Equal(duration, AssertRequest(Read($$"""{"prompt":"a","duration":{{written}}}""")).Input.GetProperty("duration").GetString());

    [Theory]
    [InlineData("7", "not_allowed_value", "\"7\"")]
    [InlineData("1e999", "not_allowed_value", "only \"5\" and \"10\"")]
    [InlineData("\" \"", "not_allowed_value", "only \"5\" and \"10\"")]
    [InlineData("\"5s\"", "not_allowed_value", "\"5s\"")]
    [InlineData("\"05\"", "not_allowed_value", "\"05\"")]
    [InlineData("5.5", "not_allowed_value", "\"5.5\"")]
    [InlineData("true", "wrong_type", "true or false")]
    [InlineData("[5]", "wrong_type", "a list")]
    public void Other_duration_is_refused(string written, string code, string says) =>
        AssertFault(Read($$"""{"prompt":"a","duration":{{written}}}"""), "/duration", code, says);

    [Theory]
    [InlineData("\"4:3\"", "not_allowed_value", "\"4:3\"")]
    [InlineData("\"16x9\"", "not_allowed_value", "\"16:9\"")]
    [InlineData("1.78", "wrong_type", "a number")]
    public void Other_aspect_ratio_is_refused(string written, string code, string says) =>
        AssertFault(Read($$"""{"prompt":"a","aspect_ratio":{{written}}}"""), "/aspect_ratio", code, says);

    [Theory]
    [InlineData("elements")]
    [InlineData("image_urls")]
    public void Lists_must_be_lists(string name) => AssertFault(ReadChanged(body => body[name] = "x"), "/" + name, "wrong_type", "a list");

    [Theory]
    [InlineData(7, 0)]
    [InlineData(0, 7)]
    [InlineData(3, 4)]
    public void Seven_elements_and_images_together_are_accepted(int elements, int images) => AssertRequest(ReadCounts(elements, images));

    [Theory]
    [InlineData(8, 0, "/elements")]
    [InlineData(0, 8, "/image_urls")]
    [InlineData(4, 4, "")]
    [InlineData(1, 7, "")]
    [InlineData(8, 3, "/elements")]
    public void Eight_elements_and_images_together_are_refused(int elements, int images, string place) => AssertFault(ReadCounts(elements, images), place, "too_many", "7");

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Element_has_one_to_four_reference_images(int count) =>
        AssertRequest(ReadChanged(body => body["elements"] = new JsonArray(Element(count))));

    [Fact]
    public void Five_reference_images_are_too_many() =>
        AssertFault(ReadChanged(body => body["elements"] = new JsonArray(Element(5))), "/elements/0/reference_image_urls", "too_many", "5", "4");

    [Fact]
    public void No_reference_images_are_too_few() =>
        AssertFault(ReadChanged(body => body["elements"] = new JsonArray(Element(0))), "/elements/0/reference_image_urls", "too_few");

    [Fact]
    public void Reference_images_are_required() =>
        AssertFault(ReadChanged(body => body["elements"] = new JsonArray(new JsonObject { ["frontal_image_url"] = "https://example.com/a.png" })),
            "/elements/0/reference_image_urls", "required");

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Frontal_image_may_be_left_out_or_empty(string? frontal)
    {
        var request = AssertRequest(ReadChanged(body => body["elements"]![0]!["frontal_image_url"] = frontal));
        Assert.False(request.Input.GetProperty("elements")[0].TryGetProperty("frontal_image_url", out _));
    }

    [Theory]
    [InlineData("/elements/0/frontal_image_url")]
    [InlineData("/elements/0/reference_image_urls/1")]
    [InlineData("/image_urls/0")]
    public void Every_image_needs_an_https_URL(string place)
    {
        AssertFault(ReadWith(place, "http://example.com/a.png"), place, "invalid_url", "https:");
        AssertFault(ReadWith(place, "data:image/png;base64,AAAA"), place, "invalid_url", "data:");
        AssertFault(ReadWith(place, "https://user:pw@example.com/a.png"), place, "invalid_url", "user name");
        AssertFault(ReadWith(place, "asset:shoes/red.png"), place, "invalid_url", "uploads");
        AssertFault(ReadWith(place, 5), place, "wrong_type", "a number");
        AssertFault(ReadWith(place, " "), place, "empty");
    }

    [Fact]
    public void Uploads_may_name_stored_images()
    {
        const string Body = """{"prompt":"@Image1","image_urls":["asset:shoes/red shoe.png"]}""";
        Assert.Equal("asset:shoes/red shoe.png", AssertRequest(Read(Body, allowAssets: true)).Input.GetProperty("image_urls")[0].GetString());
        AssertFault(Read(Body), "/image_urls/0", "invalid_url");
    }

    [Theory]
    [InlineData("asset:")]
    [InlineData("asset:/shoes/red.png")]
    [InlineData("asset:../red.png")]
    [InlineData("asset:shoes/../../red.png")]
    [InlineData("asset:shoes//red.png")]
    [InlineData("asset:shoes\\\\red.png")]
    public void Stored_image_must_be_within_the_uploads(string uri) =>
        AssertFault(Read($$"""{"prompt":"@Image1","image_urls":["{{uri}}"]}""", allowAssets: true), "/image_urls/0", "invalid_url");

    [Fact]
    public void Loopback_is_accepted_when_the_setting_allows_it()
    {
        var reader = new RequestReader(KlingO1.Contract, Options.Create(new NetworkOptions { AllowLoopback = true }));
        AssertRequest(reader.Read("""
            {"prompt":"@Image1","image_urls":["http://127.0.0.1:5000/a.png"],"webhook_url":"http://localhost:5000/hook"}
            """u8.ToArray()));
    }

    [Theory]
    [InlineData("\"ftp://example.com/\"", "invalid_url")]
    [InlineData("\"https://169.254.169.254/\"", "invalid_url")]
    [InlineData("\" \"", "empty")]
    [InlineData("{}", "wrong_type")]
    public void Webhook_needs_an_https_URL(string written, string code) =>
        AssertFault(Read($$"""{"prompt":"a","webhook_url":{{written}}}"""), "/webhook_url", code);

    [Fact]
    public void Webhook_URL_has_at_most_2048_characters()
    {
        var longest = "https://example.com/".PadRight(RequestReader.MaxWebhookLength, 'x');
        AssertRequest(Read(new JsonObject { ["prompt"] = "a", ["webhook_url"] = longest }));
        AssertFault(Read(new JsonObject { ["prompt"] = "a", ["webhook_url"] = longest + "x" }), "/webhook_url", "too_long", "2,048");
    }

    [Fact]
    public void Metadata_has_at_most_4096_bytes()
    {
        static string Body(int bytes) => $$$"""{"prompt":"a","metadata":{"x":"{{{new string('x', bytes - 8)}}}"}}""";
        AssertRequest(Read(Body(4_096)));
        AssertFault(Read(Body(4_097)), "/metadata", "too_long", "4,097", "4,096");
    }

    [Fact]
    public void Metadata_nests_at_most_eight_levels_deep()
    {
        static string Body(int levels) => $$$"""{"prompt":"a","metadata":{"x":{{{new string('[', levels - 1) + new string(']', levels - 1)}}} }}""";
        AssertRequest(Read(Body(8)));
        AssertFault(Read(Body(9)), "/metadata/x" + string.Concat(Enumerable.Repeat("/0", 7)), "not_allowed_value", "8 levels");
    }

    [Fact]
    public void Metadata_is_returned_unchanged() =>
        Assert.Equal(
            """{"b":1.50,"a":"ü\u00fc"}""",
            AssertRequest(Read("""{"prompt":"a","metadata":{"b":1.50,"a":"ü\u00fc"}}""")).Metadata!.Value.GetRawText());

    [Theory]
    [InlineData("/webhook_url", "https://example.com/other")]
    [InlineData("/metadata/order", 8)]
    [InlineData("/prompt", "@Element1 runs through @Image1")]
    [InlineData("/duration", "5")]
    public void Fingerprints_of_different_requests_differ(string place, object value) =>
        Assert.NotEqual(AssertRequest(Read(FullBody)).Fingerprint, AssertRequest(ReadWith(place, JsonSerializer.SerializeToNode(value)!)).Fingerprint);

    [Fact]
    public void Request_without_images_gets_a_warning()
    {
        var reading = Read("""{"prompt":"a cat"}""");
        AssertRequest(reading);
        Assert.Equal(("", "no_reference_images"), reading.Warnings.Select(w => (w.Pointer, w.Code)).Single());
    }

    [Fact]
    public void Duplicate_image_gets_a_warning()
    {
        var reading = ReadChanged(body => body["elements"]![0]!["reference_image_urls"]![1] = "https://example.com/front.png");
        AssertRequest(reading);
        Assert.Equal(("/elements/0/reference_image_urls/1", "repeated_image"), reading.Warnings.Select(w => (w.Pointer, w.Code)).Single());
    }

    [Fact]
    public void Answer_to_a_body_with_thousands_of_faults_is_short()
    {
        var reading = Read("{" + string.Join(",", Enumerable.Range(0, 20_000).Select(i => $"\"x{i}\":1")) + "}");
        Assert.Equal(101, reading.Faults.Count);
        Assert.Equal("too_many", reading.Faults[^1].Code);
    }

    [Fact]
    public void Message_contains_no_long_or_multiline_text_of_a_caller()
    {
        var fault = Assert.Single(Read(new JsonObject { ["prompt"] = "a", ["x\r\n" + new string('y', 10_000)] = 1 }).Faults);
        Assert.True(fault.Message.Length < 300 && !fault.Message.Any(char.IsControl), fault.Message);
    }

    [Fact]
    public void Request_is_unchanged_by_serialization()
    {
        var request = AssertRequest(Read(FullBody));
        var again = JsonSerializer.Deserialize(JsonSerializer.Serialize(request, Written.Default.VideoRequest), Written.Default.VideoRequest)!;
        Assert.True(JsonElement.DeepEquals(request.Input, again.Input) && JsonElement.DeepEquals(request.Metadata!.Value, again.Metadata!.Value));
        Assert.Equal((request.WebhookUrl, request.Fingerprint), (again.WebhookUrl, again.Fingerprint));
        var bare = AssertRequest(Read("""{"prompt":"a"}"""));
        Assert.Null(JsonSerializer.Deserialize(JsonSerializer.Serialize(bare, Written.Default.VideoRequest), Written.Default.VideoRequest)!.Metadata);
    }

    private static RequestReading ReadCounts(int elements, int images) => Read(new JsonObject
    {
        ["prompt"] = "a",
        ["elements"] = new JsonArray([.. Enumerable.Range(0, elements).Select(_ => Element())]),
        ["image_urls"] = new JsonArray([.. Enumerable.Range(0, images).Select(i => (JsonNode)$"https://example.com/{i}.png")]),
    });

    private static RequestReading ReadWith(string place, JsonNode value) => ReadChanged(body =>
    {
        JsonNode at = body;
        var steps = place[1..].Split('/');
        foreach (var step in steps[..^1]) at = int.TryParse(step, out var i) ? at[i]! : at[step]!;
        if (int.TryParse(steps[^1], out var last)) at[last] = value;
        else at[steps[^1]] = value;
    });
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(VideoRequest))]
internal sealed partial class Written : JsonSerializerContext;
