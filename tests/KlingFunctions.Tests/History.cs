using System.Text.Json;
using Google.Protobuf;
using KlingFunctions.Tests.Host;
using Microsoft.DurableTask.Protobuf;
using ActionCase = Microsoft.DurableTask.Protobuf.OrchestratorAction.OrchestratorActionTypeOneofCase;

namespace KlingFunctions.Tests;

/// <summary>One turn of a workflow: its events, as counts within the run, and its decisions.</summary>
/// <param name="Past">The number of events from earlier turns.</param>
/// <param name="New">The number of new events in this turn.</param>
/// <param name="Actions">The decisions, by kind and name.</param>
internal sealed record RecordedTurn(int Past, int New, IReadOnlyList<string> Actions);

/// <summary>One run of a workflow: from its start, or from the last continue-as-new, to its end.</summary>
internal sealed record RecordedRun(string Workflow, string InstanceId, IReadOnlyList<JsonElement> Events, IReadOnlyList<RecordedTurn> Turns);

/// <summary>The histories of a job and its notifications, as Durable's runtime sent them to the app.</summary>
internal sealed record History(IReadOnlyList<RecordedRun> Runs)
{
    /// <summary>The runs in a host's turns.</summary>
    public static History Of(IReadOnlyList<Turn> turns)
    {
        var runs = new List<List<Turn>>();
        foreach (var turn in turns)
        {
            if (turn.Request.PastEvents.Count == 0) runs.Add([]);
            runs.Last(r => r.Count == 0 || r[0].Request.InstanceId == turn.Request.InstanceId).Add(turn);
        }
        return new([.. runs.Select(Run)]);
    }

    public static History Read(string path) => JsonSerializer.Deserialize<History>(File.ReadAllText(path), JsonSerializerOptions.Web)!;

    /// <summary>Writes the history with one event or turn on each line.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="secret">A text that must not be in the file.</param>
    public void Write(string path, string secret)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var runs = Runs.Select(run => $$"""
            {"workflow": "{{run.Workflow}}", "instanceId": "{{run.InstanceId}}",
            "events": [
            {{string.Join(",\n", run.Events.Select(e => e.GetRawText()))}}
            ],
            "turns": [
            {{string.Join(",\n", run.Turns.Select(t => JsonSerializer.Serialize(t, JsonSerializerOptions.Web)))}}
            ]}
            """);
        File.WriteAllText(path, $"{{\"runs\": [\n{string.Join(",\n", runs)}\n]}}\n".Replace(secret, "left-out", StringComparison.Ordinal));
    }

    private static RecordedRun Run(List<Turn> turns)
    {
        var last = turns[^1].Request;
        List<HistoryEvent> events = [.. last.PastEvents, .. last.NewEvents];
        foreach (var (request, _) in turns)
            Assert.Equal(events.Take(request.PastEvents.Count + request.NewEvents.Count), request.PastEvents.Concat(request.NewEvents));
        return new(
            events.Last(e => e.ExecutionStarted is not null).ExecutionStarted.Name,
            last.InstanceId,
            [.. events.Select(e => JsonElement.Parse(JsonFormatter.Default.Format(e)))],
            [.. turns.Select(t => new RecordedTurn(t.Request.PastEvents.Count, t.Request.NewEvents.Count, ActionsOf(t.Response)))]);
    }

    /// <summary>The decisions in an answer of the app. Times and inputs may change; decisions and their order may not.</summary>
    public static IReadOnlyList<string> ActionsOf(OrchestratorResponse response) => [.. response.Actions.Select(a => a.OrchestratorActionTypeCase switch
    {
        ActionCase.ScheduleTask => $"{a.Id} {a.ScheduleTask.Name}",
        ActionCase.CreateTimer => $"{a.Id} timer",
        ActionCase.CompleteOrchestration when a.CompleteOrchestration.FailureDetails is { } failure => $"broke: {failure.ErrorMessage}",
        ActionCase.CompleteOrchestration => $"{a.CompleteOrchestration.OrchestrationStatus}",
        var other => $"{a.Id} {other}",
    })];
}
