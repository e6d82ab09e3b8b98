using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Tests.Requests;
using KlingFunctions.Pipeline.Uploads;
using static KlingFunctions.Pipeline.Tests.Requests.Reading;

namespace KlingFunctions.Pipeline.Tests.Uploads;

public class UploadReaderTests
{
    private static readonly UploadReader Reader = new(KlingO1.Contract, Reading.Reader);

    [Theory]
    [InlineData("red.png", "asset:shoes/summer/red.png")]
    [InlineData("./red shoe.png", "asset:shoes/summer/red shoe.png")]
    [InlineData("img//red.png", "asset:shoes/summer/img/red.png")]
    [InlineData("../red.png", "asset:shoes/red.png")]
    [InlineData("../../hats/blue.png", "asset:hats/blue.png")]
    [InlineData("https://example.com/a.png", "https://example.com/a.png")]
    [InlineData("asset:hats/blue.png", "asset:hats/blue.png")]
    public void Image_of_a_request_may_be_a_path_relative_to_it(string written, string url)
    {
        var request = AssertRequest(ReadRequest($$"""
            {
              "prompt": "@Element1 in @Image1",
              "elements": [{ "frontal_image_url": "{{written}}", "reference_image_urls": ["{{written}}"] }],
              "image_urls": ["{{written}}"]
            }
            """));
        Assert.Equal([url, url, url], KlingO1.Contract.Images(request.Input).Select(image => image.Url));
    }

    [Theory]
    [InlineData("../../../red.png", "leads out")]
    [InlineData("../../../../etc/passwd", "leads out")]
    [InlineData("/red.png", "absolute")]
    [InlineData("img\\\\red.png", "backslash")]
    [InlineData("http://example.com/a.png", "https:")]
    [InlineData("C:/red.png", "absolute")]
    [InlineData("..", "leads out", "red.json")]
    [InlineData(".", "names no image", "red.json")]
    public void Path_that_leads_elsewhere_is_a_fault(string written, string says, string path = "shoes/summer/red.json") =>
        AssertFault(Reader.ReadRequest(path, Encoding.UTF8.GetBytes($$"""{ "prompt": "@Image1", "image_urls": ["{{written}}"] }""")),
            "/image_urls/0", "invalid_url", says);

    [Fact]
    public void Only_images_are_paths()
    {
        var request = AssertRequest(ReadRequest("""{ "prompt": "red.png", "metadata": { "image_urls": ["red.png"] } }"""));
        Assert.Equal("red.png", request.Input.GetProperty("prompt").GetString());
        AssertJson("""{ "image_urls": ["red.png"] }""", request.Metadata!.Value);
    }

    [Fact]
    public void Faults_of_an_upload_are_found_like_those_of_any_body() =>
        Assert.Equal(
            [("/promt", "unknown_property"), ("/prompt", "duplicate_property"), ("/image_urls/0", "wrong_type")],
            ReadRequest("""{ "promt": 1, "prompt": "@Image1", "prompt": "b", "image_urls": [7] }""").Faults.Select(f => (f.Pointer, f.Code)));

    [Fact]
    public void Image_is_inserted_wherever_the_recipe_says_so()
    {
        var request = AssertRequest(Reader.ReadImage("shoes/red.png", """
            {
              "prompt": "@Element1 costs $asset in @Image1",
              "elements": [{ "reference_image_urls": ["$asset"] }],
              "image_urls": ["background.webp"],
              "metadata": { "source": "$asset" }
            }
            """u8.ToArray()));
        Assert.Equal(["asset:shoes/red.png", "asset:shoes/background.webp"], KlingO1.Contract.Images(request.Input).Select(image => image.Url));
        Assert.Equal("@Element1 costs $asset in @Image1", request.Input.GetProperty("prompt").GetString());
        AssertJson("""{ "source": "asset:shoes/red.png" }""", request.Metadata!.Value);
    }

    [Fact]
    public void Recipe_without_a_place_for_the_image_is_a_fault() =>
        AssertFault(Reader.ReadImage("shoes/red.png", """{ "prompt": "the $asset walks" }"""u8.ToArray()), "", "required", "$asset", "image_urls");

    [Fact]
    public void Recipe_that_is_not_JSON_is_a_fault() => AssertFault(Reader.ReadImage("shoes/red.png", "{ $asset }"u8.ToArray()), "", "invalid_json");

    [Fact]
    public void Links_replace_stored_images_before_the_provider_sees_them()
    {
        var input = AssertRequest(ReadRequest("""{ "prompt": "@Image1 @Image2", "image_urls": ["red.png", "https://example.com/a.png"] }""")).Input;
        var linked = KlingO1.Contract.WithImages(input, new Dictionary<string, string> { ["asset:shoes/summer/red.png"] = "https://store.example/red.png?sig=x" });
        Assert.Equal(["https://store.example/red.png?sig=x", "https://example.com/a.png"], KlingO1.Contract.Images(linked).Select(image => image.Url));
        Assert.Equal(input.GetProperty("prompt").GetString(), linked.GetProperty("prompt").GetString());
    }

    [Fact]
    public void No_path_leads_out_of_the_uploads() =>
        Prop.ForAll(Gen.Elements("..", ".", "", "a", "b", "...", "a:b", "%2e%2e").ArrayOf().ToArbitrary(), segments =>
        {
            var reading = ReadRequest($$"""{ "prompt": "@Image1", "image_urls": ["{{string.Join('/', segments)}}"] }""");
            return reading.Request is null || KlingO1.Contract.Images(reading.Request.Input).All(image =>
                !AssetUri.PathOf(image.Url).StartsWith('/') && !AssetUri.PathOf(image.Url).Split('/').Contains(".."));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_bytes_are_a_request_or_faults() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes =>
        {
            bytes ??= [];
            return new[] { Reader.ReadRequest("a/b.json", bytes), Reader.ReadImage("a/b.png", bytes) }.All(r => (r.Request is null) == (r.Faults.Count > 0));
        }).QuickCheckThrowOnFailure();

    private static RequestReading ReadRequest(string body) => Reader.ReadRequest("shoes/summer/red.json", Encoding.UTF8.GetBytes(body));
}
