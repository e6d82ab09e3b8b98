using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.Data.Tables;
using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Benchmarks.History;

/// <summary>The Functions app on Azurite, with a count of its storage requests. Time is compressed: it polls every second.</summary>
internal sealed class CountedApp : IAsyncDisposable
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(3);

    private readonly AzuriteProcess _azurite;
    private readonly StorageTraffic _traffic;
    private readonly SimulatorHost _runComfy;
    private readonly Receiver _receiver;
    private readonly AppProcess _app;

    private CountedApp(AzuriteProcess azurite, StorageTraffic traffic, SimulatorHost runComfy, Receiver receiver, AppProcess app) =>
        (_azurite, _traffic, _runComfy, _receiver, _app) = (azurite, traffic, runComfy, receiver, app);

    public static async Task<CountedApp> StartAsync()
    {
        var azurite = await AzuriteProcess.StartAsync();
        var traffic = await StorageTraffic.StartAsync(azurite);
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(0.5) });
        var app = await FunctionsApp.StartAsync(
            runComfy.BaseUrl, traffic.Account, more: [("Pipeline:PollMin", "00:00:01"), ("Pipeline:PollMax", "00:00:01")]);
        return new(azurite, traffic, runComfy, await Receiver.StartAsync(), app);
    }

    /// <summary>Runs one job with this many polls, 2 or more.</summary>
    /// <remarks>Its generation ends after the poll before the last, whatever time that takes: so the speed of the machine decides nothing.</remarks>
    public async Task<CountedJob> RunAsync(int polls)
    {
        var (earlierRequests, earlierPolls, earlierWebhooks) = (_traffic.Requests.Count, PollsSoFar(), _receiver.Count);
        _runComfy.Behaviour = _runComfy.Behaviour with { NeverFinishes = true };
        var id = await SubmitAsync($"{polls} polls");
        await Patience.UntilAsync(() => PollsSoFar() >= earlierPolls + polls - 1, "the poll before the last");
        _runComfy.Behaviour = _runComfy.Behaviour with { NeverFinishes = false };
        await Patience.UntilAsync(() => _receiver.Count > earlierWebhooks, "the webhook");
        await UntilQuietAsync();
        var requests = _traffic.Requests.Skip(earlierRequests).Where(r => r.IsOfJob).ToList();
        var events = await EventsOfAsync(id);
        return new(PollsSoFar() - earlierPolls, events.Count(type => type == "TimerCreated"), events.Count, requests);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _receiver.DisposeAsync();
        await _runComfy.DisposeAsync();
        await _traffic.DisposeAsync();
        await _azurite.DisposeAsync();
    }

    private int PollsSoFar() => _runComfy.Account.Calls(ApiCall.Status);

    /// <param name="key">The same key, the same job id: some ids have no timer before the first poll.</param>
    private async Task<string> SubmitAsync(string key)
    {
        var request = new JsonObject
        {
            ["prompt"] = "A walk",
            ["image_urls"] = new JsonArray(new Uri(_runComfy.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri),
            ["webhook_url"] = _receiver.Url.AbsoluteUri,
        };
        using var call = new HttpRequestMessage(HttpMethod.Post, new Uri("/api/videos", UriKind.Relative))
        {
            Content = JsonContent.Create(request),
            Headers = { { "Idempotency-Key", key } },
        };
        using var answer = await _app.Http.SendAsync(call);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    /// <summary>Returns once no job has caused a request for a while: its last messages have been deleted.</summary>
    private async Task UntilQuietAsync()
    {
        for (var (last, now) = (-1, Count()); now != last; (last, now) = (now, Count())) await Task.Delay(Quiet);

        int Count() => _traffic.Requests.Count(r => r.IsOfJob);
    }

    private async Task<List<string>> EventsOfAsync(string id)
    {
        var history = new TableClient(_traffic.Account, "KlingFunctionsHistory");
        var events = new List<string>();
        // The row "sentinel" is no event: it has the instance's ETag.
        await foreach (var row in history.QueryAsync<TableEntity>(row => row.PartitionKey == id && row.RowKey != "sentinel"))
            events.Add(row.GetString("EventType"));
        return events;
    }
}
