using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>
/// Runs a workflow to its end, over all its runs, in no time: steps answer as the test says, and when all that is left is to wait, the
/// clock jumps to the next timer. Each run is replayed from its history, and must do the same again.
/// </summary>
internal sealed class ScriptedEngine
{
    private const int MostHappenings = 20_000;

    private static readonly JsonSerializerOptions Json = PipelineJson.Default.Options;
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, Func<string, string>> _steps = [];
    private int _happenings;

    /// <summary>When the first run starts.</summary>
    public static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>The clock of the run.</summary>
    public DateTimeOffset Now { get; private set; } = Start;

    /// <summary>What each run did.</summary>
    public List<IReadOnlyList<Deed>> Runs { get; } = [];

    /// <summary>What all runs did.</summary>
    public IEnumerable<Deed> Deeds => Runs.SelectMany(r => r);

    /// <summary>Whether the owner wishes to cancel just before this happens: its number, counted from 0, and what it is.</summary>
    public Func<int, string, bool> CancelsBefore { get; init; } = (_, _) => false;

    /// <summary>Which children can't be started, by their ids.</summary>
    public Func<string, bool> FailsToStart { get; set; } = _ => false;

    /// <summary>Before which deed, by its place among all, each wish to cancel came.</summary>
    public List<int> CancelledAt { get; } = [];

    /// <summary>A wish to cancel, once, just before the step of this name answers for the given time.</summary>
    public static Func<int, string, bool> JustBefore(string step, int time = 1)
    {
        var left = time;
        return (_, name) => name == step && --left == 0;
    }

    /// <summary>How a step answers; what it throws is its failure after all retries.</summary>
    public ScriptedEngine On<TIn, TOut>(Step<TIn, TOut> step, Func<TIn, TOut> answer)
    {
        _steps[step.Name] = input => JsonSerializer.Serialize(answer(JsonSerializer.Deserialize<TIn>(input, Json)!), Json);
        return this;
    }

    /// <summary>Runs it; what it returns, or throws.</summary>
    public TOut Run<TIn, TOut>(Func<IWorkflowContext, TIn, Task<TOut>> workflow, string id, TIn input)
    {
        var json = JsonSerializer.Serialize(input, Json);
        IReadOnlyList<string> events = [];
        while (true)
        {
            var (started, history) = (Now, new List<Happening>());
            var context = new ScriptedContext(id, started, events) { FailsToStart = FailsToStart };
            Runs.Add(context.Deeds);
            var run = context.Start(workflow, json);
            while (!run.IsCompleted)
            {
                var happening = Next(context);
                history.Add(happening);
                context.Feed(happening);
            }
            var output = run.GetAwaiter().GetResult();
            Replay(workflow, new(id, started, events) { FailsToStart = FailsToStart }, json, history, context);
            if (context.NextInput is not { } next) return output;
            (json, events) = (next, context.Unseen);
        }
    }

    private Happening Next(ScriptedContext context)
    {
        if (_happenings == MostHappenings) throw new TimeoutException("The workflow does not end.");
        var pending = context.Pending.FirstOrDefault(p => p.Due is null) ?? context.Pending.MinBy(p => p.Due)
            ?? throw new InvalidOperationException("The workflow waits for nothing that could happen.");
        if (CancelsBefore(_happenings++, pending.Name))
        {
            CancelledAt.Add(Deeds.Count());
            return new(Now, -1, Event: GenerateVideo.CancelEvent);
        }
        Now = pending.Due is { } due && due > Now ? due : Now + StepTime;
        return pending.Due is null ? Answer(pending) : new(Now, pending.Number);
    }

    private Happening Answer(Pending step)
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
        Func<IWorkflowContext, TIn, Task<TOut>> workflow, ScriptedContext again, string input, List<Happening> history, ScriptedContext first)
    {
        again.Start(workflow, input);
        foreach (var happening in history) again.Feed(happening);
        Assert.Equal(first.Deeds, again.Deeds);
    }
}
