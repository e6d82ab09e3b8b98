using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Requests;

/// <summary>Shorthand for tests that read bodies.</summary>
internal static class Reading
{
    public static readonly RequestReader Reader = new(KlingO1.Contract, Options.Create(new NetworkOptions()));

    public const string FullBody = """
        {
          "prompt": "@Element1 walks through @Image1",
          "elements": [{
            "frontal_image_url": "https://example.com/front.png",
            "reference_image_urls": ["https://example.com/side.jpeg", "https://example.com/back.jpeg"]
          }],
          "image_urls": ["https://example.com/street.webp"],
          "duration": "10",
          "aspect_ratio": "9:16",
          "webhook_url": "https://example.com/hook?key=1",
          "metadata": { "order": 7, "tags": ["a", "b"] }
        }
        """;

    public static RequestReading Read(string body, bool allowAssets = false) => Reader.Read(Encoding.UTF8.GetBytes(body), allowAssets);

    public static RequestReading Read(JsonNode body, bool allowAssets = false) => Read(body.ToJsonString(), allowAssets);

    /// <summary>The full body after <paramref name="change"/>.</summary>
    public static RequestReading ReadChanged(Action<JsonObject> change)
    {
        var body = JsonNode.Parse(FullBody)!.AsObject();
        change(body);
        return Read(body);
    }

    public static JsonObject Element(int references = 1, string? frontal = null)
    {
        var urls = Enumerable.Range(0, references).Select(_ => (JsonNode)$"https://example.com/{Guid.NewGuid()}.png");
        var element = new JsonObject { ["reference_image_urls"] = new JsonArray([.. urls]) };
        if (frontal is not null) element["frontal_image_url"] = frontal;
        return element;
    }

    public static void AssertFault(RequestReading reading, string pointer, string code, params string[] says)
    {
        Assert.Null(reading.Request);
        var fault = Assert.Single(reading.Faults);
        Assert.Equal((pointer, code), (fault.Pointer, fault.Code));
        Assert.All(says, part => Assert.Contains(part, fault.Message, StringComparison.Ordinal));
    }

    public static VideoRequest AssertRequest(RequestReading reading)
    {
        Assert.Empty(reading.Faults);
        return reading.Request!;
    }

    public static void AssertJson(string expected, JsonElement actual) =>
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(expected), actual), actual.GetRawText());
}
