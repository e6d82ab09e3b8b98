using System.Globalization;
using System.Net;
using System.Text.Json;
using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Node;
using KlingFunctions.Local.Tests.Cli;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Tests.Samples;

/// <summary>The sample receivers as real processes, with the published libraries of Standard Webhooks.</summary>
public sealed class ReceiverTests(RunningHost host) : IClassFixture<RunningHost>
{
    private const string Message = """{"type":"video.failed","timestamp":"2026-01-01T08:00:00Z","data":{"id":"vid_forged"}}""";

    public enum Language
    {
        CSharp,
        JavaScript,
    }

    [Theory]
    [InlineData(Language.CSharp)]
    [InlineData(Language.JavaScript)]
    public async Task Receiver_accepts_only_webhooks_that_the_host_signed(Language language)
    {
        using var receiver = await StartAsync(language, Scene.WebhookSecret);
        var url = (await receiver.LineAsync("Listening on "))["Listening on ".Length..].Trim();
        var id = await host.SubmitAsync("--webhook", url);
        Assert.StartsWith($"video.succeeded {id} {host.Url}/api/videos/{id}/content", await receiver.LineAsync($"video.succeeded {id}"), StringComparison.Ordinal);
        await DeliveredAsync(id);

        var now = DateTimeOffset.UtcNow;
        var other = WebhookSecret.Create();
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(url, now, Sign(other, now)));
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(url, now.AddMinutes(-10), Sign(Scene.WebhookSecret, now.AddMinutes(-10))));
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(url, now, "v1,not-base64"));
        Assert.Equal(HttpStatusCode.Unauthorized, await PostAsync(url, now, signature: null));
        Assert.DoesNotContain("vid_forged", receiver.Output, StringComparison.Ordinal);

        // While a secret is rotated, both secrets sign.
        Assert.Equal(HttpStatusCode.NoContent, await PostAsync(url, now, $"{Sign(other, now)} {Sign(Scene.WebhookSecret, now)}"));
        await receiver.LineAsync("video.failed vid_forged");
    }

    private static async Task<SampleProcess> StartAsync(Language language, string secret)
    {
        if (language is Language.CSharp)
            return SampleProcess.Start("dotnet", [Path.Combine(AppContext.BaseDirectory, "Receiver.dll"), "--urls", "http://127.0.0.1:0"], ("WEBHOOK_SECRET", secret));
        var package = JsonElement.Parse(await File.ReadAllTextAsync(RepositoryFiles.PathOf("samples/receiver-js/package.json"), TestContext.Current.CancellationToken));
        var npm = new NpmPackage(
            "standardwebhooks", package.GetProperty("dependencies").GetProperty("standardwebhooks").GetString()!, "webhooks", "The tests of the receiver in JavaScript");
        var modules = Path.Combine(await npm.EnsureAsync(TestContext.Current.CancellationToken), "node_modules");
        return SampleProcess.Start(
            "node", [RepositoryFiles.PathOf("samples/receiver-js/receiver.js")], ("NODE_PATH", modules), ("PORT", "0"), ("WEBHOOK_SECRET", secret));
    }

    private async Task DeliveredAsync(string id)
    {
        while (!(await host.CallAsync("status", id, "--json")).Out.Contains("\"delivered\"", StringComparison.Ordinal)) await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    private static string Sign(string secret, DateTimeOffset at) =>
        WebhookSecret.TryParse(secret, out var parsed) ? WebhookSignature.Sign([parsed], "ntf_forged", at, System.Text.Encoding.UTF8.GetBytes(Message)) : throw new ArgumentException(secret);

    private static async Task<HttpStatusCode> PostAsync(string url, DateTimeOffset at, string? signature)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(Message, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Add("webhook-id", "ntf_forged");
        request.Headers.Add("webhook-timestamp", at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        if (signature is not null) request.Headers.Add("webhook-signature", signature);
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
