using System.Collections.Concurrent;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Tests.Journal;

/// <summary>What a random workflow does, one after the other.</summary>
public enum Deed
{
    /// <summary>Runs a step.</summary>
    Work,

    /// <summary>Runs a step that fails, and catches that.</summary>
    Fail,

    /// <summary>Runs a step that fails the first time, with a retry policy.</summary>
    Retry,

    /// <summary>Waits a while.</summary>
    Sleep,

    /// <summary>Waits for an event.</summary>
    Hear,

    /// <summary>Begins to wait for an event, and goes on.</summary>
    Listen,

    /// <summary>Lets a step race a far timer.</summary>
    StepRace,

    /// <summary>Lets an event race a near timer.</summary>
    EventRace,

    /// <summary>Starts a child.</summary>
    Child,

    /// <summary>Does the next three deeds side by side.</summary>
    Fork,

    /// <summary>Continues as new.</summary>
    Anew,
}

/// <summary>What happens to it meanwhile.</summary>
public enum Blow
{
    /// <summary>The process dies, in the middle of whatever it does.</summary>
    Kill,

    /// <summary>An event that it will want is raised.</summary>
    Raise,

    /// <summary>Several are raised at once.</summary>
    Burst,

    /// <summary>All comes to rest, and time passes.</summary>
    Jump,
}

/// <summary>Random workflows under random blows end as if nothing had happened.</summary>
public sealed class RandomWorkflowTests
{
    [Fact]
    public void Whatever_happens_meanwhile_a_workflow_ends_as_if_it_had_run_undisturbed() => Prop
        .ForAll(ArbMap.Default.ArbFor<Deed[]>(), ArbMap.Default.ArbFor<Blow[]>(), (deeds, blows) => Ends(deeds, blows))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(40).WithEndSize(20));

    private static bool Ends(Deed[] deeds, Blow[] blows)
    {
        new Trial(deeds).RunAsync(blows).GetAwaiter().GetResult();
        return true;
    }

    /// <summary>One workflow, and what it saw in all its replays.</summary>
    private sealed class Trial(Deed[] deeds)
    {
        private const string Id = "w";
        private static readonly JsonSerializerOptions Json = JsonSerializerOptions.Web;
        private static readonly Step<int, Ticket> Work = new("Work");
        private static readonly Step<int, Ticket> Fail = new("Fail");
        private static readonly Step<int, Ticket> Flaky = new("Flaky", new(3, TimeSpan.FromSeconds(5), 2, TimeSpan.FromMinutes(1)));

        private readonly ConcurrentDictionary<string, ConcurrentBag<string>> _seen = [];
        private readonly ConcurrentDictionary<int, int> _tries = [];
        private int _tickets;

        /// <summary>What a step gives: a value that is always the same, and a number that never is.</summary>
        private sealed record Ticket(int Value, int Number);

        /// <summary>Where a run begins, and how many events of each kind those before it have heard.</summary>
        private sealed record Begin(int At, int Value, int Heard, int Raced);

        private int ToHear => deeds.Count(d => d is Deed.Hear or Deed.Listen);

        private int ToRace => deeds.Count(d => d is Deed.EventRace);

        public async Task RunAsync(Blow[] blows)
        {
            await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
                .Add(Work, async (at, cancel) =>
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
                if (deeds[at] is Deed.Child) Assert.Equal($"{at}", (await host.RunToEndAsync($"{Id}.{at}")).Output);
            }
            foreach (var (what, seen) in _seen) Assert.True(seen.Distinct().Count() == 1, $"{what} was not the same in every replay: {string.Join(", ", seen)}");

            async Task RaiseAsync(int count)
            {
                var raised = new List<Task<bool>>();
                while (raised.Count < count && events.TryDequeue(out var name)) raised.Add(host.RaiseAsync(Id, name));
                Assert.DoesNotContain(false, await Task.WhenAll(raised));
            }
        }

        /// <summary>What comes of it if nothing disturbs: read off, not run.</summary>
        private int Expected()
        {
            var value = 0;
            for (var at = 0; at < deeds.Length; at++) value = unchecked((value * 31) + Worth(at));
            return value;
        }

        private int Worth(int at) => deeds[at] is Deed.Work or Deed.Retry or Deed.StepRace ? at + 1 : 0;

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
            private readonly Deed[] _deeds = trial.Deeds;
            // A wait can't be taken back: one that lost a race runs in the next.
            private readonly Queue<Task> _lost = [];
            private int _raced = begin.Raced;

            public async Task<string> RunAsync()
            {
                var value = begin.Value;
                for (var at = begin.At; at < _deeds.Length; at++)
                {
                    if (_deeds[at] is Deed.Anew)
                    {
                        context.ContinueAsNew(new Begin(
                            at + 1, unchecked(value * 31), begin.Heard + _heard.Count(h => h.IsCompleted), _raced + _lost.Count(l => l.IsCompleted)));
                        return "";
                    }
                    var end = at + 1;
                    if (_deeds[at] is Deed.Fork)
                    {
                        while (end < _deeds.Length && end < at + 4 && _deeds[end] is not (Deed.Fork or Deed.Anew)) end++;
                        value = unchecked(value * 31);
                        at++;
                    }
                    var worths = await Task.WhenAll(Enumerable.Range(at, end - at).Select(DoAsync));
                    foreach (var worth in worths) value = unchecked((value * 31) + worth);
                    at = end - 1;
                }
                // What was not heard yet comes, and nothing more.
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
                    case Deed.Work:
                        return Show(what, await context.CallAsync(Work, at));
                    case Deed.Fail:
                        var failure = await Assert.ThrowsAsync<StepFailedException>(() => context.CallAsync(Fail, at));
                        trial.See($"{what}: ticket", failure.Reason);
                        return 0;
                    case Deed.Retry:
                        return Show(what, await context.CallAsync(Flaky, at));
                    case Deed.Sleep:
                        var due = context.Now.AddMinutes(at);
                        await context.WaitUntilAsync(due, CancellationToken.None);
                        Assert.True(context.Now >= due);
                        return 0;
                    case Deed.Hear:
                        _heard.Add(context.WaitForEventAsync("hear"));
                        await _heard[^1];
                        return 0;
                    case Deed.Listen:
                        _heard.Add(context.WaitForEventAsync("hear"));
                        return 0;
                    case Deed.StepRace:
                        using (var stop = new CancellationTokenSource())
                        {
                            var timer = context.WaitUntilAsync(context.Now.AddYears(10), stop.Token);
                            var step = context.CallAsync(Work, at);
                            Assert.Same(step, await Task.WhenAny(step, timer));
                            stop.Cancel();
                            Assert.True(timer.IsCanceled);
                            return Show(what, await step);
                        }
                    case Deed.EventRace:
                        var won = await RaceAsync("race");
                        trial.See($"{what}: event won", won);
                        if (won) _raced++;
                        return 0;
                    case Deed.Child:
                        await context.StartChildAsync("Child", $"{context.Id}.{at}", at);
                        return 0;
                    default:
                        return 0;
                }
            }

            /// <summary>Lets an event race a timer; whether the event won.</summary>
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

        private Deed[] Deeds => deeds;
    }
}
