using System.Net.Http.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests.Cli;

namespace KlingFunctions.Local.Tests.Samples;

/// <summary>
/// The sample Logic App, run from its own template: a request in a container is submitted, waited for, and reported by mail.
/// </summary>
public sealed class LogicAppTests(RunningHost host) : IClassFixture<RunningHost>
{
    private readonly List<JsonNode> _mails = [];

    [Theory]
    [InlineData(PollHeaders.Own)]
    [InlineData(PollHeaders.None)]
    [InlineData(PollHeaders.WrongKey)]
    public async Task Request_in_the_container_becomes_a_video_and_a_mail(PollHeaders polls)
    {
        var ended = await PlayAsync(polls, $"\"{Guid.NewGuid()}\"");

        Assert.Equal("Succeeded", ended["Make_the_video"].Status);
        Assert.Equal("Skipped", ended["Tell_what_went_wrong"].Status);
        var mail = Assert.Single(_mails)["body"]!;
        Assert.Equal(("me@example.com", "Your video is there: walk.json"), ((string)mail["To"]!, (string)mail["Subject"]!));
        var video = ended["Make_the_video"].Body!["video"]!;
        Assert.Equal($"<p>@Image1 at dawn</p><p>{video["url"]} ({video["size_bytes"]} bytes; ask with the key of the app)</p>", (string)mail["Body"]!);
    }

    [Fact]
    public async Task Failed_job_becomes_a_mail_with_its_message()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { FailsWith = "The moon was in the way" };
        var ended = await PlayAsync(PollHeaders.None, $"\"{Guid.NewGuid()}\"");
        host.RunComfy.Behaviour = RunningHost.Quick;

        Assert.Equal("Failed", ended["Make_the_video"].Status);
        Assert.Equal("Skipped", ended["Tell_that_it_is_there"].Status);
        var mail = Assert.Single(_mails)["body"]!;
        Assert.Equal("No video: walk.json", (string)mail["Subject"]!);
        Assert.Contains("The moon was in the way", (string)mail["Body"]!, StringComparison.Ordinal);
        Assert.Contains("provider_failed vid_", (string)mail["Body"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trigger_that_fires_twice_for_a_file_pays_once()
    {
        var before = host.RunComfy.Account.AcceptedCount;
        await PlayAsync(PollHeaders.Own, "\"0x8DC\"");
        await PlayAsync(PollHeaders.Own, "\"0x8DC\"");
        Assert.Equal(before + 1, host.RunComfy.Account.AcceptedCount);
    }

    private async Task<IReadOnlyDictionary<string, Played>> PlayAsync(PollHeaders polls, string etag)
    {
        var template = JsonNode.Parse(await File.ReadAllTextAsync(RepositoryFiles.PathOf("infra/samples/logic-app.json"), TestContext.Current.CancellationToken))!;
        var definition = template["resources"]!.AsArray().Single(r => (string)r!["type"]! == "Microsoft.Logic/workflows")!["properties"]!["definition"]!;
        using var http = new HttpClient();
        var engine = new LogicAppsEngine(http, (operation, _) => host.CallAsync("watch", operation.Segments[^1])) { Polls = polls };
        var parameters = new JsonObject
        {
            ["url"] = host.Url,
            ["key"] = RunningHost.Key,
            ["account"] = "mystorage",
            ["container"] = "orders",
            ["mailTo"] = "me@example.com",
            ["$connections"] = new JsonObject { ["azureblob"] = Connection("azureblob"), ["office365"] = Connection("office365") },
        };
        var player = new DefinitionPlayer(definition, parameters, (type, inputs) => RunAsync(type, inputs, engine));
        return await player.RunAsync(new JsonObject { ["Path"] = "/orders/walk.json", ["Name"] = "walk.json", ["ETag"] = etag });
    }

    private async Task<Played> RunAsync(string type, JsonNode inputs, LogicAppsEngine engine)
    {
        if (type is "Http")
        {
            var outcome = await engine.RunAsync(() => Request(inputs));
            return new(outcome.Succeeded ? "Succeeded" : "Failed", JsonNode.Parse(outcome.Body.GetRawText()));
        }
        Assert.Equal("ApiConnection", type);
        switch ((string)inputs["host"]!["connection"]!["name"]!)
        {
            case "azureblob":
                Assert.Equal("/v2/datasets/mystorage/files/%252Forders%252Fwalk.json/content", (string)inputs["path"]!);
                return new("Succeeded", new JsonObject { ["prompt"] = "@Image1 at dawn", ["image_urls"] = new JsonArray(host.Image("valley.webp")) });
            case "office365":
                Assert.Equal("/v2/Mail", (string)inputs["path"]!);
                _mails.Add(inputs);
                return new("Succeeded");
            case var other:
                throw new NotSupportedException($"The sample calls {other}.");
        }
    }

    private static HttpRequestMessage Request(JsonNode inputs)
    {
        var request = new HttpRequestMessage(new((string)inputs["method"]!), (string)inputs["uri"]!) { Content = JsonContent.Create(inputs["body"]) };
        foreach (var (name, value) in inputs["headers"]!.AsObject().Where(h => h.Key != "Content-Type")) request.Headers.Add(name, (string)value!);
        return request;
    }

    private static JsonObject Connection(string name) => new() { ["connectionId"] = name };
}
