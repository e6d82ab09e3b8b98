using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests;
using KlingFunctions.Local.Tests.Cli;

namespace KlingFunctions.Local.Tests.Samples;

/// <summary>The n8n workflow, with nodes run from its own JSON.</summary>
public sealed class N8nTests(RunningHost host) : IClassFixture<RunningHost>
{
    [Fact]
    public async Task Workflow_waits_for_the_webhook_and_downloads_the_video()
    {
        using var n8n = await PlayAsync();
        Assert.Equal(0, await n8n.ExitAsync());
        var given = Given(n8n).ToDictionary(line => line.GetProperty("node").GetString()!, line => line.GetProperty("json"));
        Assert.Equal("accepted", given["Make the video"].GetProperty("status").GetString());
        Assert.Equal("video.succeeded", given["Wait for the webhook"].GetProperty("body").GetProperty("type").GetString());
        Assert.Equal("video/mp4", given["Download the video"].GetProperty("binary").GetProperty("mimeType").GetString());
        Assert.Equal(
            given["Wait for the webhook"].GetProperty("body").GetProperty("data").GetProperty("video").GetProperty("size_bytes").GetInt64(),
            given["Download the video"].GetProperty("binary").GetProperty("size").GetInt64());
    }

    [Fact]
    public async Task Workflow_stops_with_the_message_of_a_failed_job()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { FailsWith = "The moon was in the way" };
        using var n8n = await PlayAsync();
        Assert.Equal(1, await n8n.ExitAsync());
        host.RunComfy.Behaviour = RunningHost.Quick;
        Assert.Contains("The moon was in the way", Given(n8n).Last().GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_are_connected_and_have_the_key_from_a_credential()
    {
        var workflow = Workflow();
        var names = workflow["nodes"]!.AsArray().Select(n => (string)n!["name"]!).ToList();
        var targets = workflow["connections"]!.AsObject().SelectMany(c => c.Value!["main"]!.AsArray().SelectMany(o => o!.AsArray().Select(t => (string)t!["node"]!)));
        Assert.Distinct(names);
        Assert.Equal(names.Skip(1).Order(), targets.Order());
        Assert.All(
            workflow["nodes"]!.AsArray().Where(n => (string)n!["type"]! == "n8n-nodes-base.httpRequest"),
            n => Assert.NotNull(n!["credentials"]!["httpHeaderAuth"]));
    }

    private static JsonNode Workflow() => JsonNode.Parse(File.ReadAllText(RepositoryFiles.PathOf("samples/n8n/workflow.json")))!;

    private static IEnumerable<JsonElement> Given(SampleProcess n8n) => n8n.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line));

    /// <summary>Runs the workflow, with the settings of its user.</summary>
    private async Task<SampleProcess> PlayAsync()
    {
        var workflow = Workflow();
        foreach (var setting in workflow["nodes"]!.AsArray().Single(n => (string)n!["name"]! == "Settings")!["parameters"]!["assignments"]!["assignments"]!.AsArray())
        {
            if ((string)setting!["name"]! == "url") setting["value"] = host.Url;
            if ((string)setting["name"]! == "image") setting["value"] = host.Image("valley.webp");
        }
        // Another run of n8n has another execution id; this one always has the same id, from which the key is made.
        var file = Path.Combine(host.Folder, $"{Guid.NewGuid():n}.json");
        await File.WriteAllTextAsync(file, workflow.ToJsonString().Replace("n8n-{{", $"{Guid.NewGuid():n}-{{{{", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        return SampleProcess.Start("node", [RepositoryFiles.PathOf("tests/KlingFunctions.Local.Tests/Samples/n8n.js"), file, RunningHost.Key]);
    }
}
