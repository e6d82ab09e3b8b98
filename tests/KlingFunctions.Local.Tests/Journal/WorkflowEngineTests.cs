using System.Collections.Concurrent;
using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Tests.Journal;

/// <summary>
/// Behaviour of the journal's engine beyond the contract: stopping, a failing journal, and the number of running instances.
/// </summary>
public sealed class WorkflowEngineTests
{
    private static readonly JsonSerializerOptions Json = JsonSerializerOptions.Web;
    private static readonly Step<string, string> Work = new("Work");
    private static readonly Step<string, string> Other = new("Other");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Child_runs_while_its_parent_is_still_running()
    {
        var childRan = new TaskCompletionSource();
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, cancellationToken) =>
            {
                await childRan.Task.WaitAsync(cancellationToken);
                return text;
            })
            .Add(Other, (text, _) =>
            {
                childRan.SetResult();
                return Task.FromResult(text);
            })
            .Add<string, string>("Child", (context, text) => context.CallAsync(Other, text))
            .Add<string, string>("W", async (context, text) =>
            {
                await context.StartChildAsync("Child", "child", text);
                return await context.CallAsync(Work, text);
            }));
        await host.StartAsync("W", "a", "\"x\"");
        await childRan.Task.WaitAsync(TimeSpan.FromMinutes(2), Cancel);
        Assert.Equal("\"x\"", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Event_at_the_end_of_a_run_is_kept_for_the_next()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json).Add<int, string>("W", async (context, run) =>
        {
            var raised = context.WaitForEventAsync("e");
            if (run == 0)
            {
                await context.WaitForEventAsync("on");
                context.ContinueAsNew(1);
                return raised.IsCompleted ? "seen too early" : "";
            }
            await raised;
            return "kept";
        }));
        await host.StartAsync("W", "a", "0");
        await host.RunToRestAsync("a");
        // Both are in the inbox when the engine reads it: they are received together, in this order.
        await host.Store.RaiseAsync("a", "on");
        await host.Store.RaiseAsync("a", "e");
        await host.RaiseAsync("a", "wake up");
        await host.RunToRestAsync("a");
        Assert.Equal("\"kept\"", (await host.FindAsync("a"))!.Output);
    }

    [Fact]
    public async Task Status_stays_until_the_next_one_even_across_runs()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json).Add<int, int>("W", async (context, run) =>
        {
            if (run == 0)
            {
                context.ReportStatus("from the first run");
                context.ContinueAsNew(1);
                return 0;
            }
            await context.WaitForEventAsync("e");
            return run;
        }));
        await host.StartAsync("W", "a", "0");
        await host.RunToRestAsync("a");
        Assert.Equal("\"from the first run\"", (await host.FindAsync("a"))!.Status);
        await host.RaiseAsync("a", "e");
        Assert.Equal("\"from the first run\"", (await host.RunToEndAsync("a")).Status);
    }

    [Fact]
    public async Task Workflows_clock_never_goes_back_when_the_machines_does()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json).Add<DateTimeOffset?, DateTimeOffset[]>("W", async (context, first) =>
        {
            await context.WaitForEventAsync("e");
            var now = context.Now;
            await context.WaitForEventAsync("e");
            if (first is not null) return [first.Value, now, context.Now];
            context.ContinueAsNew<DateTimeOffset?>(now);
            return [];
        }));
        await host.StartAsync("W", "a", "null");
        for (var i = 0; i < 4; i++)
        {
            await host.RunToRestAsync("a");
            host.Time.AdjustTime(host.Now.AddSeconds(-1));
            await host.RaiseAsync("a", "e");
        }
        await host.PassAsync(TimeSpan.FromMinutes(1));
        var clock = JsonSerializer.Deserialize<DateTimeOffset[]>((await host.RunToEndAsync("a")).Output!, Json)!;
        Assert.Equal(clock.Order(), clock);
    }

    [Fact]
    public async Task Step_can_race_a_timer_that_is_years_away()
    {
        var (gate, runs) = (new TaskCompletionSource(), 0);
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, cancellationToken) =>
            {
                Interlocked.Increment(ref runs);
                await gate.Task.WaitAsync(cancellationToken);
                return text;
            })
            .Add<string, string>("W", async (context, text) =>
            {
                using var stop = new CancellationTokenSource();
                var timer = context.WaitUntilAsync(context.Now.AddYears(3), stop.Token);
                var step = context.CallAsync(Work, text);
                await Task.WhenAny(timer, step);
                stop.Cancel();
                return await step;
            }));
        await host.StartAsync("W", "a", "\"x\"");
        await UntilAsync(() => runs == 1);
        gate.SetResult();
        await host.RunToRestAsync("a");
        Assert.Equal("\"x\"", (await host.FindAsync("a"))!.Output);
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task Instance_of_an_unknown_workflow_fails_and_says_so()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json));
        await host.StartAsync("Gone", "a", "0");
        await host.RunToRestAsync("a");
        Assert.Contains("'Gone'", (await host.FindAsync("a"))!.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_of_other_code_fails_the_instance_at_the_first_difference()
    {
        var step = Work;
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, (text, _) => Task.FromResult(text))
            .Add(Other, (text, _) => Task.FromResult(text))
            .Add<string, string>("W", async (context, text) =>
            {
                text = await context.CallAsync(step, text);
                await context.WaitForEventAsync("e");
                return text;
            }));
        await host.StartAsync("W", "a", "\"x\"");
        await host.RunToRestAsync("a");
        step = Other;
        await host.RaiseAsync("a", "e");
        var failure = (await host.RunToEndAsync("a")).Failure;
        Assert.Contains("'Work'", failure, StringComparison.Ordinal);
        Assert.Contains("'Other'", failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Child_with_an_input_that_can_not_be_serialized_fails_its_parent()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json).Add<int, int>("W", async (context, n) =>
        {
            await context.StartChildAsync("W", "child", new { Never = (Func<int>)(() => n) });
            return n;
        }));
        await host.StartAsync("W", "a", "0");
        await host.RunToRestAsync("a");
        Assert.NotNull((await host.FindAsync("a"))!.Failure);
        Assert.Null(await host.FindAsync("child"));
    }

    [Fact]
    public async Task Failing_journal_interrupts_no_step_and_runs_none_twice_at_a_time()
    {
        var gate = new TaskCompletionSource();
        var (running, runs, brokenOff, together) = (0, 0, 0, 0);
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, cancellationToken) =>
            {
                Interlocked.Increment(ref runs);
                if (Interlocked.Increment(ref running) > 1) Interlocked.Increment(ref together);
                using var registration = cancellationToken.Register(() => Interlocked.Increment(ref brokenOff));
                await gate.Task;
                Interlocked.Decrement(ref running);
                return text;
            })
            .Add<string, string>("W", async (context, text) =>
            {
                var step = context.CallAsync(Work, text);
                await context.WaitForEventAsync("e");
                return await step;
            }));
        await host.StartAsync("W", "a", "\"x\"");
        await UntilAsync(() => runs == 1);
        await host.Database.WriteAsync(db => db.Execute(
            "CREATE TRIGGER broken BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'the journal is broken'); END"));
        await host.RaiseAsync("a", "e");
        // The run fails at the broken journal, and would start again.
        for (var i = 0; i < 20; i++)
        {
            host.Time.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(1, Cancel);
        }
        await host.Database.WriteAsync(db => db.Execute("DROP TRIGGER broken"));
        gate.SetResult();
        while (!(await host.FindAsync("a"))!.HasEnded)
        {
            host.Time.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(1, Cancel);
        }
        Assert.Equal("\"x\"", (await host.FindAsync("a"))!.Output);
        Assert.Equal(0, brokenOff);
        Assert.Equal(0, together);
    }

    [Fact]
    public async Task Exception_of_an_interrupted_step_is_not_its_outcome()
    {
        var (first, broken, runs) = (new TaskCompletionSource(), new TaskCompletionSource(), 0);
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, cancellationToken) =>
            {
                if (Interlocked.Increment(ref runs) > 1) return text;
                using var registration = cancellationToken.Register(broken.SetResult);
                await broken.Task;
                throw new IOException("The connection was closed.");
            })
            .Add(Other, async (text, _) =>
            {
                await first.Task;
                return text;
            })
            .Add<string, string>("W", async (context, text) =>
            {
                var work = context.CallAsync(Work, text);
                return await context.CallAsync(Other, text) + await work;
            }));
        await host.StartAsync("W", "a", "\"x\"");
        await UntilAsync(() => runs == 1);
        // While the run waits for one step's outcome to be written, the grace period ends and the other step is interrupted.
        using var writing = new ManualResetEventSlim();
        var busy = host.Database.WriteAsync(_ => writing.Wait(TimeSpan.FromMinutes(2)));
        first.SetResult();
        // Too short a wait here could only hide a fault, never cause a failure.
        await Task.Delay(50, Cancel);
        var stop = host.StopAsync(new CancellationToken(canceled: true));
        await broken.Task;
        writing.Set();
        await stop;
        Assert.True(await busy);
        await host.KillAsync();
        Assert.Equal("\"xx\"", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Graceful_stop_lets_running_steps_finish_and_starts_no_more()
    {
        var (gate, ran) = (new TaskCompletionSource(), new ConcurrentQueue<string>());
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, cancellationToken) =>
            {
                ran.Enqueue(text);
                await gate.Task.WaitAsync(cancellationToken);
                return text;
            })
            .Add<string, string>("W", async (context, _) => await context.CallAsync(Work, "one") + await context.CallAsync(Work, "two")));
        await host.StartAsync("W", "a", "\"\"");
        await UntilAsync(() => ran.Count == 1);
        var restart = host.StopAsync(CancellationToken.None);
        gate.SetResult();
        await restart;
        Assert.Equal(["one"], ran);
        await host.KillAsync();
        Assert.Equal("\"onetwo\"", (await host.RunToEndAsync("a")).Output);
        Assert.Equal(["one", "two"], ran);
    }

    [Fact]
    public async Task Step_that_never_returns_is_abandoned_after_the_grace_period()
    {
        var (never, runs) = (new TaskCompletionSource(), 0);
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, _) =>
            {
                if (Interlocked.Increment(ref runs) == 1) await never.Task;
                return text;
            })
            .Add<string, string>("W", (context, text) => context.CallAsync(Work, text)));
        await host.StartAsync("W", "a", "\"x\"");
        await UntilAsync(() => runs == 1);
        await host.KillAsync().WaitAsync(TimeSpan.FromMinutes(2), Cancel);
        Assert.Equal("\"x\"", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Starts_and_events_after_the_stop_survive_to_the_next_start()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json).Add<int, int>("W", async (context, n) =>
        {
            await context.WaitForEventAsync("e");
            return n;
        }));
        await host.StopAsync(CancellationToken.None);
        Assert.True(await host.StartAsync("W", "a", "1"));
        Assert.True(await host.RaiseAsync("a", "e"));
        await host.KillAsync();
        Assert.Equal("1", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task More_instances_than_may_run_at_a_time_take_turns_until_all_have_run()
    {
        var (running, most) = (0, 0);
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json)
            .Add(Work, async (text, _) =>
            {
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                await Task.Yield();
                Interlocked.Decrement(ref running);
                return text;
            })
            .Add<string, string>("W", (context, text) => context.CallAsync(Work, text)));
        await Task.WhenAll(Enumerable.Range(0, 700).Select(i => host.StartAsync("W", $"w{i}", $"\"{i}\"")));
        await host.RunToRestAsync("");
        for (var i = 0; i < 700; i++) Assert.Equal($"\"{i}\"", (await host.FindAsync($"w{i}"))!.Output);
        Assert.InRange(most, 1, 256);
    }

    [Fact]
    public async Task Broken_workflow_is_listed_as_failed_and_a_resumed_one_by_its_state()
    {
        await using var host = await JournalHost.StartAsync(new WorkflowCatalog(Json));
        await host.StopAsync(CancellationToken.None);
        await host.Store.StartAsync("W", "broke", "{}", null, host.Now, replaceEnded: false);
        await host.Store.EndAsync("broke", "failed", "why", """{"status": "in_queue"}""");
        await host.Store.StartAsync("W", "goes on", """{"state": {"status": "in_queue"}}""", null, host.Now, replaceEnded: false);
        await host.Store.StartAsync("W", "new", "{}", null, host.Now, replaceEnded: false);
        Assert.Equal(["broke"], Listed(JobStatus.Failed));
        Assert.Equal(["goes on"], Listed(JobStatus.InQueue));
        Assert.Equal(["new"], Listed(JobStatus.Accepted));

        IEnumerable<string> Listed(JobStatus status) => host.Store.List("W", new() { Status = status }, null, 10).Select(i => i.Id);
    }

    private static async Task UntilAsync(Func<bool> so)
    {
        while (!so()) await Task.Delay(1, Cancel);
    }

    private static void InterlockedMax(ref int most, int now)
    {
        for (var seen = most; now > seen; seen = most) Interlocked.CompareExchange(ref most, now, seen);
    }
}
