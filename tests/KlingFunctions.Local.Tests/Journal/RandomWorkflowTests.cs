using System.Collections.Concurrent;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Tests.Journal;

/// <summary>The actions of a random workflow, in sequence.</summary>
public enum RecordedCall
{
    /// <summary>Runs a step.</summary>
    Work,

    /// <summary>Runs a step that fails, and catches the failure.</summary>
    Fail,

    /// <summary>Runs a step that fails the first time, with a retry policy.</summary>
    Retry,

    /// <summary>Waits a while.</summary>
    Sleep,

    /// <summary>Waits for an event.</summary>
    Hear,

    /// <summary>Starts to wait for an event, and continues.</summary>
    Listen,

    /// <summary>Runs a race of a step and a distant timer.</summary>
    StepRace,

    /// <summary>Runs a race of an event and a near timer.</summary>
    EventRace,

    /// <summary>Starts a child.</summary>
    Child,

    /// <summary>Runs the next three actions in parallel.</summary>
    Fork,

    /// <summary>Continues as new.</summary>
    Anew,
}

/// <summary>The disturbances from outside.</summary>
public enum Blow
{
    /// <summary>Kills the process at any moment.</summary>
    Kill,

    /// <summary>Raises an event that the workflow will wait for.</summary>
    Raise,

    /// <summary>Raises several events at once.</summary>
    Burst,

    /// <summary>Waits until all is idle, and advances time.</summary>
    Jump,
}

/// <summary>Random workflows end with the same result with and without disturbances.</summary>
public sealed class RandomWorkflowTests
{
    [Fact]
    public void Disturbed_workflow_ends_as_an_undisturbed_one() => Prop
        .ForAll(ArbMap.Default.ArbFor<RecordedCall[]>(), ArbMap.Default.ArbFor<Blow[]>(), (deeds, blows) => Ends(deeds, blows))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(40).WithEndSize(20));

    private static bool Ends(RecordedCall[] deeds, Blow[] blows)
    {
        new Trial(deeds).RunAsync(blows).GetAwaiter().GetResult();
        return true;
    }

    /// <summary>One workflow, and everything it saw in all its replays.</summary>
    private sealed class Trial(RecordedCall[] deeds)
    {
        private const string Id = "w";
        private static readonly JsonSerializerOptions Json = JsonSerializerOptions.Web;
        private static readonly Step<int, Ticket> Work = new("Work");
        private static readonly Step<int, Ticket> Fail = new("Fail");
        private static readonly Step<int, Ticket> Flaky = new("Flaky", new(3, TimeSpan.FromSeconds(5), 2, TimeSpan.FromMinutes(1)));

        private readonly ConcurrentDictionary<string, ConcurrentBag<string>> _seen = [];
        private readonly ConcurrentDictionary<int, int> _tries = [];
        private int _tickets;

        /// <summary>A step's output: a value that is always the same, and a number that never is.</summary>
        private sealed record Ticket(int Value, int Number);

        /// <summary>The start of a run, and the number of events of each kind that earlier runs received.</summary>
        private sealed record Begin(int At, int Value, int Heard, int Raced);

        private int ToHear => deeds.Count(d => d is RecordedCall.Hear or RecordedCall.Listen);

        private int ToRace => deeds.Count(d => d is RecordedCall.EventRace);

        public async Task RunAsync(Blow[] blows)
        {
            await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
                .Add(Work, async (at, cancellationToken) =>
                {
                    await Task.Yield();
                    return Punch(at);
                })
                .Add(Fail, (at, _) => throw new InvalidOperationException($"{Punch(at).Number}"))
                .Add(Flaky, (at, _) => _tries.AddOrUpdate(at, 1, (_, n) => n + 1) is 1 ? throw new InvalidOperationException("not yet") : Task.FromResult(Punch(at)))
                .Add<int, int>("Child", ChildAsync)
                .Add<Begin, string>("W", async (context, begin) => await new Life(this, context, begin).RunAsync()));
            Assert.True(await host.StartAsync("W", Id, JsonSerializer.Serialize(new Begin(0, 0, 0, 0), Json)));

            var events = new Queue<string>(Enumerable.Repeat("hear", ToHear).Concat(Enumerable.Repeat("race", ToRace)));
            foreach (var blow in blows)
            {
                switch (blow)
                {
                    case Blow.Kill:
                        await host.KillAsync();
                        break;
                    case Blow.Raise:
                        await RaiseAsync(1);
                        break;
                    case Blow.Burst:
                        await RaiseAsync(3);
                        break;
                    case Blow.Jump:
                        await host.RunToRestAsync(Id);
                        host.Time.Advance(TimeSpan.FromSeconds(90));
                        break;
                }
            }
            await RaiseAsync(events.Count);

            Assert.Equal($"\"{Expected()}, 0 too many\"", (await host.RunToEndAsync(Id)).Output);
            for (var at = 0; at < deeds.Length; at++)
            {
                if (deeds[at] is RecordedCall.Child) Assert.Equal($"{at}", (await host.RunToEndAsync($"{Id}.{at}")).Output);
            }
            foreach (var (what, seen) in _seen) Assert.True(seen.Distinct().Count() == 1, $"{what} was not the same in every replay: {string.Join(", ", seen)}");

            async Task RaiseAsync(int count)
            {
                var raised = new List<Task<bool>>();
                while (raised.Count < count && events.TryDequeue(out var name)) raised.Add(host.RaiseAsync(Id, name));
                Assert.DoesNotContain(false, await Task.WhenAll(raised));
            }
        }

        /// <summary>The result without disturbances, computed without running.</summary>
        private int Expected()
        {
            var value = 0;
            for (var at = 0; at < deeds.Length; at++) value = unchecked((value * 31) + Worth(at));
            return value;
        }

        private int Worth(int at) => deeds[at] is RecordedCall.Work or RecordedCall.Retry or RecordedCall.StepRace ? at + 1 : 0;

        private Ticket Punch(int at) => new(at + 1, Interlocked.Increment(ref _tickets));

        private void See(string what, object seen) => _seen.GetOrAdd(what, _ => []).Add($"{seen}");

        private async Task<int> ChildAsync(IWorkflowContext context, int at)
        {
            See($"{context.Id}: ticket", (await context.CallAsync(Work, at)).Number);
            await context.WaitUntilAsync(context.Now.AddMinutes(1), CancellationToken.None);
            See($"{context.Id}: clock", context.Now);
            return at;
        }

        /// <summary>One run of the workflow's code, or one replay of it.</summary>
        private sealed class Life(Trial trial, IWorkflowContext context, Begin begin)
        {
            private readonly List<Task> _heard = [];
            private readonly RecordedCall[] _deeds = trial.Deeds;
            // A wait can't be withdrawn: one that lost a race is part of the next race.
            private readonly Queue<Task> _lost = [];
            private int _raced = begin.Raced;

            public async Task<string> RunAsync()
            {
                var value = begin.Value;
                for (var at = begin.At; at < _deeds.Length; at++)
                {
                    if (_deeds[at] is RecordedCall.Anew)
                    {
                        context.ContinueAsNew(new Begin(
                            at + 1, unchecked(value * 31), begin.Heard + _heard.Count(h => h.IsCompleted), _raced + _lost.Count(l => l.IsCompleted)));
                        return "";
                    }
                    var end = at + 1;
                    if (_deeds[at] is RecordedCall.Fork)
                    {
                        while (end < _deeds.Length && end < at + 4 && _deeds[end] is not (RecordedCall.Fork or RecordedCall.Anew)) end++;
                        value = unchecked(value * 31);
                        at++;
                    }
                    var worths = await Task.WhenAll(Enumerable.Range(at, end - at).Select(DoAsync));
                    foreach (var worth in worths) value = unchecked((value * 31) + worth);
                    at = end - 1;
                }
                // Wait for the events that were not received yet, and for no others.
                for (var i = begin.Heard + _heard.Count(h => h.IsCompleted); i < trial.ToHear; i++)
                    await (_heard.Find(h => !h.IsCompleted) ?? context.WaitForEventAsync("hear"));
                for (var i = _raced; i < trial.ToRace; i++) await Racer("race");
                var surplus = 0;
                foreach (var name in new[] { "hear", "race" })
                {
                    while (await RaceAsync(name)) surplus++;
                }
                return $"{value}, {surplus} too many";
            }

            private async Task<int> DoAsync(int at)
            {
                var what = $"{at} {_deeds[at]}";
                trial.See($"{what}: clock before", context.Now);
                switch (_deeds[at])
                {
                    case RecordedCall.Work:
                        return Show(what, await context.CallAsync(Work, at));
                    case RecordedCall.Fail:
                        var failure = await Assert.ThrowsAsync<StepFailedException>(() => context.CallAsync(Fail, at));
                        trial.See($"{what}: ticket", failure.Reason);
                        return 0;
                    case RecordedCall.Retry:
                        return Show(what, await context.CallAsync(Flaky, at));
                    case RecordedCall.Sleep:
                        var due = context.Now.AddMinutes(at);
                        await context.WaitUntilAsync(due, CancellationToken.None);
                        Assert.True(context.Now >= due);
                        return 0;
                    case RecordedCall.Hear:
                        _heard.Add(context.WaitForEventAsync("hear"));
                        await _heard[^1];
                        return 0;
                    case RecordedCall.Listen:
                        _heard.Add(context.WaitForEventAsync("hear"));
                        return 0;
                    case RecordedCall.StepRace:
                        using (var stop = new CancellationTokenSource())
                        {
                            var timer = context.WaitUntilAsync(context.Now.AddYears(10), stop.Token);
                            var step = context.CallAsync(Work, at);
                            Assert.Same(step, await Task.WhenAny(step, timer));
                            stop.Cancel();
                            Assert.True(timer.IsCanceled);
                            return Show(what, await step);
                        }
                    case RecordedCall.EventRace:
                        var won = await RaceAsync("race");
                        trial.See($"{what}: event won", won);
                        if (won) _raced++;
                        return 0;
                    case RecordedCall.Child:
                        await context.StartChildAsync("Child", $"{context.Id}.{at}", at);
                        return 0;
                    default:
                        return 0;
                }
            }

            /// <summary>Runs a race of an event and a timer; returns whether the event won.</summary>
            private async Task<bool> RaceAsync(string name)
            {
                using var stop = new CancellationTokenSource();
                var heard = Racer(name);
                var timer = context.WaitUntilAsync(context.Now.AddMinutes(1), stop.Token);
                var won = await Task.WhenAny(heard, timer) == heard;
                stop.Cancel();
                if (!won && name is "race") _lost.Enqueue(heard);
                return won;
            }

            private Task Racer(string name) => name is "race" && _lost.TryDequeue(out var lost) ? lost : context.WaitForEventAsync(name);

            private int Show(string what, Ticket ticket)
            {
                trial.See($"{what}: ticket", ticket.Number);
                return ticket.Value;
            }
        }

        private RecordedCall[] Deeds => deeds;
    }
}
