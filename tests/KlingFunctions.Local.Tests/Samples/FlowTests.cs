using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests.Cli;

namespace KlingFunctions.Local.Tests.Samples;

/// <summary>The sample flow of Power Automate, run from its own definition, with the operations of the connector's definition.</summary>
public sealed class FlowTests(RunningHost host) : IClassFixture<RunningHost>
{
    private readonly List<JsonNode> _calls = [];

    [Fact]
    public async Task Finished_video_goes_to_OneDrive()
    {
        var (id, ended) = await PlayAsync();
        Assert.Equal("Succeeded", ended["Is_it_there"].Status);
        var file = Assert.Single(_calls)["parameters"]!;
        Assert.Equal(($"{id}.mp4", "/Videos"), ((string)file["name"]!, (string)file["folderPath"]!));
        Assert.Equal("ftyp"u8, Convert.FromBase64String((string)file["body"]!).AsSpan(4, 4));
    }

    [Fact]
    public async Task Failed_job_is_reported_in_Teams()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { FailsWith = "The moon was in the way" };
        await PlayAsync();
        host.RunComfy.Behaviour = RunningHost.Quick;
        var message = Assert.Single(_calls);
        Assert.Equal("PostMessageToConversation", (string)message["host"]!["operationId"]!);
        Assert.Contains("The moon was in the way", (string)message["parameters"]!["body/messageBody"]!, StringComparison.Ordinal);
    }

    /// <summary>Enables the flow, lets a job end, runs the actions, and disables it; without a key, as the platform may.</summary>
    private async Task<(string Id, IReadOnlyDictionary<string, Played> Ended)> PlayAsync()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var flow = JsonNode.Parse(await File.ReadAllTextAsync(RepositoryFiles.PathOf("infra/samples/flow.json"), cancellationToken))!;
        var connector = JsonNode.Parse(await File.ReadAllTextAsync(RepositoryFiles.PathOf("infra/connector/apiDefinition.swagger.json"), cancellationToken))!;
        var player = new DefinitionPlayer(flow, [], (type, inputs) => RunAsync(type, inputs, connector));

        var trigger = player.Evaluate(flow["triggers"]!["When_a_video_is_finished"]!["inputs"])!;
        using var subscribed = await CallAsync(trigger, connector, callback: host.Receiver.Url);
        Assert.Equal(HttpStatusCode.Created, subscribed.StatusCode);
        var id = await host.SubmitAsync();
        ReceivedWebhook? webhook;
        while ((webhook = host.Receiver.Received.FirstOrDefault(w => (string)JsonNode.Parse(w.Body)!["data"]!["id"]! == id)) is null) await Task.Delay(5, cancellationToken);

        var ended = await player.RunAsync(JsonNode.Parse(webhook.Body)!);
        using var bare = new HttpClient();
        using var off = await bare.DeleteAsync(subscribed.Headers.Location, cancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, off.StatusCode);
        return (id, ended);
    }

    private async Task<Played> RunAsync(string type, JsonNode inputs, JsonNode connector)
    {
        Assert.Equal("OpenApiConnection", type);
        if ((string)inputs["host"]!["connectionName"]! != "shared_klingfunctions")
        {
            _calls.Add(inputs);
            return new("Succeeded");
        }
        using var answer = await CallAsync(inputs, connector);
        var body = Convert.ToBase64String(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        return new(answer.IsSuccessStatusCode ? "Succeeded" : "Failed", body);
    }

    /// <summary>
    /// Calls an operation as its definition says: the path, the properties of the body, and the place of the callback URL.
    /// </summary>
    private async Task<HttpResponseMessage> CallAsync(JsonNode inputs, JsonNode connector, string? callback = null)
    {
        var operationId = (string)inputs["host"]!["operationId"]!;
        var (path, method, operation) = (
            from p in connector["paths"]!.AsObject()
            from o in p.Value!.AsObject()
            where o.Value is JsonObject && (string?)o.Value["operationId"] == operationId
            select (p.Key, o.Key, o.Value!)).Single();
        var body = new JsonObject();
        foreach (var (name, value) in inputs["parameters"]!.AsObject())
        {
            if (name.StartsWith("body/", StringComparison.Ordinal)) body[name["body/".Length..]] = value!.DeepClone();
            else path = path.Replace($"{{{name}}}", Uri.EscapeDataString((string)value!), StringComparison.Ordinal);
        }
        if (callback is not null) body[Notification(operation, connector)] = callback;
        using var http = new HttpClient { DefaultRequestHeaders = { { "x-functions-key", RunningHost.Key } } };
        using var request = new HttpRequestMessage(new(method.ToUpperInvariant()), host.Url + connector["basePath"]?.ToString().TrimEnd('/') + path);
        if (method == "post") request.Content = JsonContent.Create(body);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>The property for the platform's callback URL.</summary>
    private static string Notification(JsonNode operation, JsonNode connector)
    {
        var schema = operation["parameters"]!.AsArray().Single(p => (string?)p!["in"] == "body")!["schema"]!;
        if ((string?)schema["$ref"] is { } reference) schema = connector["definitions"]![reference["#/definitions/".Length..]]!;
        return schema["properties"]!.AsObject().Single(p => p.Value!["x-ms-notification-url"] is not null).Key;
    }
}
