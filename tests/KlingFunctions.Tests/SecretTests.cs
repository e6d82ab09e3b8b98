using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.AzureStorage;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.TestHost;
using KlingFunctions.Tests.Host;
using KlingFunctions.Triggers;
using Microsoft.DurableTask.Protobuf;

namespace KlingFunctions.Tests;

/// <summary>
/// Jobs that succeed, fail, come from uploads, or have a failing receiver, with a marker in every secret. The markers are then searched for
/// where no secret belongs.
/// </summary>
public sealed class SecretTests(SharedAzurite azurite)
{
    private const string Token = "marked-token-Zx81";
    private const string SigningSecret = "bWFya2VkLXNpZ25pbmctc2VjcmV0LTMxNDE1OTI2";
    private const string WebhookQuery = "marked-webhook-Qm27";
    private const string SubscriptionQuery = "marked-subscription-Wk58";
    private const string ImageQuery = "marked-image-Tb63";

    // RunComfy's path for results. Links to them expire, and anyone with a link can fetch the file.
    private const string ResultLink = "/files/";

    private readonly ConcurrentQueue<string> _answers = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Secrets_appear_in_no_log_trace_resource_history_webhook_or_blob()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        using var turnLog = new TurnLog();
        await using var stage = await StartAsync(("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Url), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), turnLog.Setting);
        await RunJobsAsync(stage);
        await collector.UntilAsync("was accepted by RunComfy");
        var turns = turnLog.Read();

        var signature = SignatureOf(stage.Scene.RunComfy.Account.Accepted);
        var accountKey = stage.Account.Split("AccountKey=")[1].Split(';')[0];
        string[] never = [Token, SigningSecret, HttpFront.Key, signature, Uri.UnescapeDataString(signature), accountKey, "sig="];
        string[] secrets = [.. never, WebhookQuery, SubscriptionQuery, ImageQuery];
        string[] all = [.. secrets, ResultLink];

        AssertHasNone(all, "log of the host", stage.App.Log);
        AssertHasNone(all, "trace, metric or log that is exported", collector.Received);
        AssertHasNone(all, "answer", _answers);
        AssertHasNone(all, "webhook", stage.Scene.Receiver.Received.Select(r => Encoding.UTF8.GetString(r.Body)));
        AssertHasNone(all, "custom status", turns.Select(t => t.Response.CustomStatus ?? ""));
        // The history contains image URLs, as input of the model. The webhook's URL is in the job's input only.
        AssertHasNone([.. never, ResultLink, SubscriptionQuery], "history", turns.SelectMany(t => new[] { t.Request.ToString(), t.Response.ToString() }));
        AssertHasNone([WebhookQuery], "history but the input", turns.SelectMany(t => new[] { WithoutInput(t.Request).ToString(), t.Response.ToString() }));
        var containers = new HashSet<string>();
        await foreach (var (container, text) in BlobsAsync(stage.Account))
        {
            containers.Add(container);
            // A subscription consists of its URL, and uploads belong to the owner.
            AssertHasNone(container is Containers.Subscriptions or Containers.Uploads ? never : all, $"blob in {container}", [text]);
        }

        // The search is only meaningful if it covered all these places.
        Assert.Contains(turns, t => t.Request.ToString().Contains(WebhookQuery, StringComparison.Ordinal));
        Assert.Contains(turns, t => t.Request.ToString().Contains(ImageQuery, StringComparison.Ordinal));
        Assert.Contains(_answers, a => a.Contains("?redacted", StringComparison.Ordinal));
        Assert.Contains(collector.Received, text => text.Contains("Submit", StringComparison.Ordinal));
        string[] written = [Containers.Ledger, Containers.Jobs, Containers.Videos, Containers.Subscriptions, Containers.DeadLetters];
        Assert.All(written, container => Assert.Contains(container, containers));
    }

    private static void AssertHasNone(IEnumerable<string> marks, string place, IEnumerable<string> texts)
    {
        var found = from text in texts
                    from mark in marks
                    where text.Contains(mark, StringComparison.Ordinal)
                    select $"{mark} in a {place}: {text}";
        Assert.Empty(found);
    }

    private static string SignatureOf(IEnumerable<Submission> submissions) =>
        submissions.SelectMany(s => s.Input.GetProperty("image_urls").EnumerateArray()).Select(url => url.GetString()!)
            .Single(url => url.Contains("sig=", StringComparison.Ordinal)).Split("sig=")[1].Split('&')[0];

    private static OrchestratorRequest WithoutInput(OrchestratorRequest request)
    {
        var copy = request.Clone();
        foreach (var started in copy.PastEvents.Concat(copy.NewEvents).Select(e => e.ExecutionStarted).Where(s => s?.Name == "GenerateVideo")) started.Input = null;
        return copy;
    }

    private static async IAsyncEnumerable<(string Container, string Text)> BlobsAsync(string account)
    {
        var client = new BlobServiceClient(account);
        await foreach (var container in client.GetBlobContainersAsync(cancellationToken: Cancel))
        {
            var blobs = client.GetBlobContainerClient(container.Name);
            await foreach (var blob in blobs.GetBlobsAsync(new() { Traits = BlobTraits.All }, Cancel))
            {
                var content = await blobs.GetBlobClient(blob.Name).DownloadContentAsync(Cancel);
                var said = blob.Metadata.Concat(blob.Tags ?? new Dictionary<string, string>()).Select(p => $"{p.Key}={p.Value}");
                yield return (container.Name, $"{blob.Name} {string.Join(' ', said)} {Encoding.Latin1.GetString(content.Value.Content)}");
            }
        }
    }

    private async Task<AppScene> StartAsync(params (string Key, string? Value)[] settings)
    {
        var moment = TimeSpan.FromMilliseconds(200);
        return await AppScene.StartAsync(
            azurite, new() { QueueTime = moment, RunTime = moment },
            [
                .. settings,
                // The most detailed logging.
                ("Logging:LogLevel:Default", "Trace"),
                ("RunComfy:ApiToken", Token), ("Webhooks:Secret", $"whsec_{SigningSecret}"),
                ("Webhooks:Schedule:0", "00:00:00"), ("Webhooks:Schedule:1", "00:00:00.5"),
            ],
            TimeSpan.FromSeconds(1));
    }

    private async Task RunJobsAsync(AppScene stage)
    {
        var scene = stage.Scene;
        foreach (var call in new[] { ApiCall.Status, ApiCall.Result, ApiCall.Download }) scene.RunComfy.Inject(new(call, FaultKind.ServerError));
        scene.RunComfy.Inject(new(ApiCall.Download, FaultKind.Truncated));
        scene.Receiver.Status = 503;
        var hook = scene.Receiver.Url.Split('?')[0];

        await AskAsync(scene, "/api/subscriptions", new JsonObject
        {
            ["url"] = $"{hook}?key={SubscriptionQuery}",
            ["header"] = new JsonObject { ["name"] = "Authorization", ["value"] = $"Bearer {SubscriptionQuery}" },
        });
        var undelivered = await SubmitAsync(scene, scene.Image("valley.webp"), $"{hook}?key={WebhookQuery}");
        await scene.Host.RunUntilAsync(undelivered, j => States(j).Count(s => s == "dead_letter") == 2);

        var broken = await SubmitAsync(scene, scene.Image("nowhere.png"), null);
        Assert.Equal("image_unreachable", await scene.FailureAsync(broken));

        var uploads = new BlobServiceClient(stage.Account).GetBlobContainerClient(Containers.Uploads);
        using (var http = new HttpClient())
        {
            var image = await http.GetByteArrayAsync(new Uri(scene.Image("robot-front.png")), Cancel);
            await uploads.GetBlobClient("robot.png").UploadAsync(new BinaryData(image), Cancel);
        }
        await uploads.GetBlobClient("walk.json").UploadAsync(new BinaryData("""{"prompt": "@Image1 walks", "image_urls": ["robot.png"]}"""), Cancel);
        await stage.App.SendBlobEventAsync(nameof(UploadedAsset), Containers.Uploads, "walk.json");
        var page = await AskAsync(scene, "/api/videos");
        var uploaded = page.GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!).Single(id => id != undelivered && id != broken);
        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(uploaded)));

        await AskAsync(scene, $"/api/videos/{undelivered}/redeliver", new JsonObject());
        foreach (var id in new[] { undelivered, broken, uploaded })
        {
            await AskAsync(scene, $"/api/videos/{id}");
            await AskAsync(scene, $"/api/videos/{id}/operation");
        }
        // Azure Functions also accepts the key in this parameter.
        await AskAsync(scene, $"/api/videos?code={HttpFront.Key}");
        await scene.Host.RunUntilAsync(uploaded, j => States(j).All(s => s == "dead_letter"));
    }

    private static IEnumerable<string> States(JsonElement job) => job.GetProperty("notifications").EnumerateArray().Select(n => n.GetProperty("state").GetString()!);

    private async Task<string> SubmitAsync(Scene scene, string image, string? webhook)
    {
        var request = new JsonObject { ["prompt"] = "@Image1 at dawn", ["image_urls"] = new JsonArray($"{image}?key={ImageQuery}") };
        if (webhook is not null)
        {
            request["webhook_url"] = webhook;
            request["webhook_header"] = new JsonObject { ["name"] = "Authorization", ["value"] = $"Bearer {WebhookQuery}" };
        }
        return (await AskAsync(scene, "/api/videos", request)).GetProperty("id").GetString()!;
    }

    /// <summary>Calls the app, and keeps its answer with all headers except the signed link, which is checked too.</summary>
    private async Task<JsonElement> AskAsync(Scene scene, string path, JsonObject? body = null)
    {
        using var answer = body is null ? await scene.Http.GetAsync(new Uri(path, UriKind.Relative), Cancel) : await scene.PostAsync(path, body);
        Assert.True(answer.StatusCode is not (HttpStatusCode.NotFound or >= HttpStatusCode.InternalServerError));
        if (answer.Headers.Location is { } link && link.AbsolutePath.StartsWith("/api/signed/operations/", StringComparison.Ordinal))
        {
            using var bare = new HttpClient();
            using var opened = await bare.GetAsync(link, Cancel);
            Assert.NotEqual(HttpStatusCode.Unauthorized, opened.StatusCode);
        }
        answer.Headers.Location = null;
        _answers.Enqueue($"{answer.Headers} {answer.Content.Headers} {await answer.Content.ReadAsStringAsync(Cancel)}");
        return await Scene.JsonOf(answer);
    }
}
