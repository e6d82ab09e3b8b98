using System.Net;
using System.Text;

namespace KlingFunctions.Pipeline.Tests.Http;

public class IdempotencyKeyTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A bar separates several headers of this name.</summary>
    [Theory]
    [InlineData(" ")]
    [InlineData("k|k")]
    [InlineData("k|l")]
    [InlineData("k, k")]
    [InlineData("k,k")]
    [InlineData("\u00e9")]
    public async Task Useless_key_is_refused(string values)
    {
        await using var app = await TestApp.StartAsync();
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(app, values.Split('|')));
        Assert.Empty(app.Jobs.Ids);
    }

    [Theory]
    [InlineData("k")]
    [InlineData("order 7, second try")]
    public async Task Same_key_is_the_same_job(string key)
    {
        await using var app = await TestApp.StartAsync();
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(app, [key]));
        Assert.Equal(HttpStatusCode.Accepted, await PostAsync(app, [key]));
        Assert.Single(app.Jobs.Ids);
    }

    private static async Task<HttpStatusCode> PostAsync(TestApp app, string[] values)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/videos");
        request.Content = new StringContent(
            """{"prompt": "A tree in the wind", "image_urls": ["https://example.com/a.png"], "elements": []}""", Encoding.UTF8, "application/json");
        foreach (var value in values) request.Headers.TryAddWithoutValidation("Idempotency-Key", value);
        using var answer = await app.Http.SendAsync(request, Ct);
        return answer.StatusCode;
    }
}
