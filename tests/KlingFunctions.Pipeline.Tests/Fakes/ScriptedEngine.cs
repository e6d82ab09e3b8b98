using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>
/// Runs a workflow to its end, over all its runs, in no time. Steps answer as the test says; when only waits are left, the clock jumps to
/// the next timer. Each run is replayed from its history, and must do the same again.
/// </summary>
internal sealed class ScriptedEngine
{
    private const int MostHappenings = 20_000;

    private static readonly JsonSerializerOptions Json = PipelineJson.Default.Options;
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, Func<string, string>> _steps = [];
    private int _happenings;

    /// <summary>The start of the first run.</summary>
    public static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>The clock of the run.</summary>
    public DateTimeOffset Now { get; private set; } = Start;

    /// <summary>The calls of each run.</summary>
    public List<IReadOnlyList<RecordedCall>> Runs { get; } = [];

    /// <summary>The calls of all runs.</summary>
    public IEnumerable<RecordedCall> Calls => Runs.SelectMany(r => r);

    /// <summary>Whether the owner cancels just before an event, given its number, from 0, and its name.</summary>
    public Func<int, string, bool> CancelsBefore { get; init; } = (_, _) => false;

    /// <summary>Selects, by id, the children that can't be started.</summary>
    public Func<string, bool> FailsToStart { get; set; } = _ => false;

    /// <summary>The position among all calls at which each cancel came.</summary>
    public List<int> CancelledAt { get; } = [];

    /// <summary>One cancel, just before the step of this name answers for the given time.</summary>
    public static Func<int, string, bool> JustBefore(string step, int time = 1)
    {
        var left = time;
        return (_, name) => name == step && --left == 0;
    }

    /// <summary>Sets the answer of a step; an exception is its failure after all retries.</summary>
    public ScriptedEngine On<TIn, TOut>(Step<TIn, TOut> step, Func<TIn, TOut> answer)
    {
        _steps[step.Name] = input => JsonSerializer.Serialize(answer(JsonSerializer.Deserialize<TIn>(input, Json)!), Json);
        return this;
    }

    /// <summary>Runs the workflow; returns or throws its result.</summary>
    public TOut Run<TIn, TOut>(Func<IWorkflowContext, TIn, Task<TOut>> workflow, string id, TIn input)
    {
        var json = JsonSerializer.Serialize(input, Json);
        IReadOnlyList<string> events = [];
        while (true)
        {
            var (started, history) = (Now, new List<HistoryEvent>());
            var context = new ScriptedContext(id, started, events) { FailsToStart = FailsToStart };
            Runs.Add(context.Calls);
            var run = context.Start(workflow, json);
            while (!run.IsCompleted)
            {
                var historyEvent = Next(context);
                history.Add(historyEvent);
                context.Feed(historyEvent);
            }
            var output = run.GetAwaiter().GetResult();
            Replay(workflow, new(id, started, events) { FailsToStart = FailsToStart }, json, history, context);
            if (context.NextInput is not { } next) return output;
            (json, events) = (next, context.Unseen);
        }
    }

    private HistoryEvent Next(ScriptedContext context)
    {
        if (_happenings == MostHappenings) throw new TimeoutException("The workflow does not end.");
        var pending = context.Pending.FirstOrDefault(p => p.Due is null) ?? context.Pending.MinBy(p => p.Due)
            ?? throw new InvalidOperationException("The workflow waits for nothing that could happen.");
        if (CancelsBefore(_happenings++, pending.Name))
        {
            CancelledAt.Add(Calls.Count());
            return new(Now, -1, Event: GenerateVideo.CancelEvent);
        }
        Now = pending.Due is { } due && due > Now ? due : Now + StepTime;
        return pending.Due is null ? Answer(pending) : new(Now, pending.Number);
    }

    private HistoryEvent Answer(Pending step)
    {
        try
        {
            return new(Now, step.Number, _steps[step.Name](step.Input!));
        }
        catch (Exception e) when (e is not KeyNotFoundException)
        {
            return new(Now, step.Number, Failure: new(step.Name, e.Message));
        }
    }

    private static void Replay<TIn, TOut>(
        Func<IWorkflowContext, TIn, Task<TOut>> workflow, ScriptedContext again, string input, List<HistoryEvent> history, ScriptedContext first)
    {
        again.Start(workflow, input);
        foreach (var historyEvent in history) again.Feed(historyEvent);
        Assert.Equal(first.Calls, again.Calls);
    }
}
