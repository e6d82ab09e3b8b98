using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.ComplianceTests;

public abstract partial class PipelineContract
{
    [Theory]
    [InlineData("auto", "http")]
    [InlineData("inline", "data:image/webp;base64,")]
    public async Task Uploaded_image_reaches_the_provider_and_no_history(string delivery, string seen)
    {
        await using var scene = await StartAsync(null, delivery is "auto" ? [] : [("Assets:Delivery", delivery)]);
        var image = await scene.Http.GetByteArrayAsync(new Uri(scene.Image("valley.webp")));
        var asset = await AcceptAsync(scene, image, HttpStatusCode.Created);
        Assert.Equal(asset.GetRawText(), (await AcceptAsync(scene, image, HttpStatusCode.OK)).GetRawText());
        var url = asset.GetProperty("url").GetString()!;
        Assert.Equal($"asset:{Convert.ToHexStringLower(SHA256.HashData(image))}", url);
        Assert.Equal(("image/webp", image.Length), (asset.GetProperty("content_type").GetString(), asset.GetProperty("size_bytes").GetInt32()));

        var request = scene.Request();
        request["image_urls"] = new JsonArray(url);
        var id = await scene.SubmitAsync(request);
        var job = await scene.EndAsync(id);
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal(url, job.GetProperty("request").GetProperty("image_urls")[0].GetString());
        var sent = Assert.Single(scene.RunComfy.Account.Accepted).Input.GetProperty("image_urls")[0].GetString()!;
        Assert.StartsWith(seen, sent, StringComparison.Ordinal);
        Assert.Equal(image, sent.StartsWith("data:", StringComparison.Ordinal)
            ? Convert.FromBase64String(sent[(sent.IndexOf(',', StringComparison.Ordinal) + 1)..])
            : await scene.Http.GetByteArrayAsync(new Uri(sent)));
    }

    [Fact]
    public async Task Missing_asset_is_refused_before_anything_is_paid()
    {
        await using var scene = await StartAsync();
        var request = scene.Request();
        request["image_urls"] = new JsonArray($"asset:{new string('0', 64)}");
        using var answer = await scene.PostAsync("/api/videos/validate", request);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("image_unreachable", (await Scene.JsonOf(answer)).GetProperty("code").GetString());
    }

    private static async Task<JsonElement> AcceptAsync(Scene scene, byte[] image, HttpStatusCode status)
    {
        using var content = new ByteArrayContent(image) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } };
        using var answer = await scene.Http.PostAsync(new Uri("/api/assets", UriKind.Relative), content);
        Assert.Equal(status, answer.StatusCode);
        return await Scene.JsonOf(answer);
    }
}
