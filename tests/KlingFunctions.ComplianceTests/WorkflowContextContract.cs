using System.Collections.Concurrent;
using System.Text.Json;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.ComplianceTests;

/// <summary>
/// The contract for workflows on any engine. Each engine derives from this class and runs every test unchanged.
/// </summary>
public abstract class WorkflowContextContract
{
    /// <summary>The JSON options for inputs and outputs of all workflows and steps in this suite.</summary>
    public static readonly JsonSerializerOptions Json = JsonSerializerOptions.Web;

    private static readonly Step<string, string> Echo = new("Echo");
    private static readonly Step<int, int> Count = new("Count");

    /// <summary>The names of all workflows in this suite, for engines that must know them at the start.</summary>
    public static IReadOnlyList<string> WorkflowNames => ["W", "Child"];

    /// <summary>The names of all steps in this suite.</summary>
    public static IReadOnlyList<string> StepNames => [Echo.Name, Count.Name];

    protected abstract Task<IWorkflowHost> StartHostAsync(WorkflowCatalog catalog);

    [Fact]
    public async Task Workflow_gets_its_id_and_its_input_and_returns_its_output()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, string>("W", (context, input) => Task.FromResult($"{context.Id}:{input + 1}")));
        await host.StartAsync("W", "a", "41");
        Assert.Equal("\"a:42\"", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Starting_an_existing_id_does_nothing()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, int>("W", (_, input) => Task.FromResult(input)));
        Assert.True(await host.StartAsync("W", "a", "1"));
        Assert.False(await host.StartAsync("W", "a", "2"));
        Assert.Equal("1", (await host.RunToEndAsync("a")).Output);
        Assert.False(await host.StartAsync("W", "a", "3"));
        Assert.Equal("1", (await host.FindAsync("a"))!.Output);
    }

    [Fact]
    public async Task Step_gets_its_input_and_returns_its_output()
    {
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, (text, _) => Task.FromResult($"<{text}>"))
            .Add<string, string>("W", async (context, input) => await context.CallAsync(Echo, input) + await context.CallAsync(Echo, "b")));
        await host.StartAsync("W", "a", "\"a\"");
        Assert.Equal("<a><b>", Output<string>(await host.RunToEndAsync("a")));
    }

    [Fact]
    public async Task Steps_called_in_parallel_run_in_parallel()
    {
        var both = new Barrier(2);
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, (n, cancellationToken) => Task.Run(() => both.SignalAndWait(TimeSpan.FromMinutes(2), cancellationToken) ? n : -1, cancellationToken))
            .Add<int, int[]>("W", (context, _) => Task.WhenAll(context.CallAsync(Count, 1), context.CallAsync(Count, 2))));
        await host.StartAsync("W", "a", "0");
        var outputs = Output<int[]>(await host.RunToEndAsync("a"));
        Assert.Equal([1, 2], outputs);
    }

    [Fact]
    public async Task Step_with_a_recorded_outcome_never_runs_again()
    {
        var runs = new ConcurrentBag<int>();
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, (n, _) =>
            {
                runs.Add(n);
                return Task.FromResult(n);
            })
            .Add<int, int>("W", async (context, _) =>
            {
                var sum = 0;
                for (var i = 1; i <= 5; i++)
                {
                    sum += await context.CallAsync(Count, i);
                    await context.WaitForEventAsync("next");
                }
                return sum;
            }));
        await host.StartAsync("W", "a", "0");
        for (var i = 1; i <= 5; i++)
        {
            await host.RunToRestAsync("a");
            await host.KillAsync();
            await host.RunToRestAsync("a");
            await host.RaiseAsync("a", "next");
        }
        Assert.Equal("15", (await host.RunToEndAsync("a")).Output);
        Assert.Equal([1, 2, 3, 4, 5], runs.Order());
    }

    [Fact]
    public async Task Interrupted_step_runs_again()
    {
        var entered = new TaskCompletionSource();
        var runs = 0;
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, async (n, cancellationToken) =>
            {
                if (Interlocked.Increment(ref runs) == 1)
                {
                    entered.SetResult();
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }
                return n;
            })
            .Add<int, int>("W", (context, n) => context.CallAsync(Count, n)));
        await host.StartAsync("W", "a", "7");
        await entered.Task;
        await host.KillAsync();
        Assert.Equal("7", (await host.RunToEndAsync("a")).Output);
        // Twice, and once more if the kill also hit the commit of the turn that scheduled the step: engines run steps at least once.
        Assert.InRange(runs, 2, 3);
    }

    [Fact]
    public async Task Step_that_throws_fails_once_with_name_and_reason()
    {
        var runs = 0;
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, (_, _) =>
            {
                Interlocked.Increment(ref runs);
                return Task.FromException<string>(new InvalidOperationException("no luck"));
            })
            .Add<string, string>("W", async (context, input) =>
            {
                try
                {
                    return await context.CallAsync(Echo, input);
                }
                catch (StepFailedException e)
                {
                    return $"{e.Step}|{e.Reason}";
                }
            }));
        await host.StartAsync("W", "a", "\"x\"");
        Assert.Equal("Echo|no luck", Output<string>(await host.RunToEndAsync("a")));
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task Uncaught_failure_fails_the_workflow_with_its_reason()
    {
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, (_, _) => Task.FromException<string>(new InvalidOperationException("no luck")))
            .Add<string, string>("W", (context, input) => context.CallAsync(Echo, input)));
        await host.StartAsync("W", "a", "\"x\"");
        var ended = await host.RunToEndAsync("a");
        Assert.True(ended.HasEnded);
        Assert.Null(ended.Output);
        Assert.Contains("no luck", ended.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Step_with_a_retry_policy_runs_until_it_succeeds()
    {
        var runs = 0;
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, (text, _) => Interlocked.Increment(ref runs) < 3
                ? Task.FromException<string>(new InvalidOperationException("not yet"))
                : Task.FromResult(text))
            .Add<string, string>("W", (context, input) => context.CallAsync(Echo with { Retry = Retry(5) }, input)));
        await host.StartAsync("W", "a", "\"x\"");
        Assert.Equal("x", Output<string>(await host.RunToEndAsync("a")));
        Assert.Equal(3, runs);
    }

    [Fact]
    public async Task Retry_policy_ends_after_its_last_attempt()
    {
        var runs = 0;
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, (_, _) => Task.FromException<string>(new InvalidOperationException($"try {Interlocked.Increment(ref runs)}")))
            .Add<string, string>("W", async (context, input) =>
            {
                try
                {
                    return await context.CallAsync(Echo with { Retry = Retry(3) }, input);
                }
                catch (StepFailedException e)
                {
                    return e.Reason;
                }
            }));
        await host.StartAsync("W", "a", "\"x\"");
        Assert.Equal("try 3", Output<string>(await host.RunToEndAsync("a")));
        Assert.Equal(3, runs);
    }

    [Fact]
    public async Task Durable_timer_fires_on_time_and_survives_a_restart()
    {
        await using var host = await StartHostAsync(Catalog().Add<double, bool>("W", async (context, seconds) =>
        {
            var due = context.Now.AddSeconds(seconds);
            await context.WaitUntilAsync(due, CancellationToken.None);
            return context.Now >= due;
        }));
        var wait = host.ShortWait * 4;
        await host.StartAsync("W", "a", JsonSerializer.Serialize(wait.TotalSeconds));
        await host.RunToRestAsync("a");
        await host.PassAsync(wait / 4);
        Assert.False((await host.FindAsync("a"))!.HasEnded);
        await host.KillAsync();
        Assert.Equal("true", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Timer_in_the_past_fires_at_once()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, bool>("W", async (context, _) =>
        {
            var before = context.Now;
            await context.WaitUntilAsync(before.AddSeconds(-1), CancellationToken.None);
            return context.Now - before < TimeSpan.FromSeconds(1);
        }));
        await host.StartAsync("W", "a", "0");
        Assert.Equal("true", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Cancelled_timer_does_not_delay_the_workflow()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, string>("W", async (context, _) =>
        {
            using var stop = new CancellationTokenSource();
            var timer = context.WaitUntilAsync(context.Now.AddDays(300), stop.Token);
            await context.WaitForEventAsync("go");
            stop.Cancel();
            return timer.IsCanceled ? "cancelled" : "waiting";
        }));
        await host.StartAsync("W", "a", "0");
        await host.RunToRestAsync("a");
        await host.RaiseAsync("a", "go");
        await host.RunToRestAsync("a");
        Assert.Equal("cancelled", Output<string>((await host.FindAsync("a"))!));
    }

    [Fact]
    public async Task Event_wakes_its_waiter_and_survives_a_restart()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, string>("W", async (context, _) =>
        {
            await context.WaitForEventAsync("one");
            await context.WaitForEventAsync("two");
            return "both";
        }));
        await host.StartAsync("W", "a", "0");
        await host.RunToRestAsync("a");
        Assert.True(await host.RaiseAsync("a", "one"));
        await host.KillAsync();
        await host.RunToRestAsync("a");
        Assert.False((await host.FindAsync("a"))!.HasEnded);
        Assert.True(await host.RaiseAsync("a", "two"));
        Assert.Equal("both", Output<string>(await host.RunToEndAsync("a")));
    }

    [Fact]
    public async Task Event_raised_before_its_waiter_is_kept()
    {
        var gate = new TaskCompletionSource();
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, async (text, cancellationToken) =>
            {
                await gate.Task.WaitAsync(cancellationToken);
                return text;
            })
            .Add<string, string>("W", async (context, input) =>
            {
                var text = await context.CallAsync(Echo, input);
                await context.WaitForEventAsync("early");
                return text;
            }));
        await host.StartAsync("W", "a", "\"x\"");
        await host.RaiseAsync("a", "early");
        gate.SetResult();
        Assert.Equal("x", Output<string>(await host.RunToEndAsync("a")));
    }

    [Fact]
    public async Task Each_event_wakes_one_waiter()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, int>("W", async (context, _) =>
        {
            var waiters = Enumerable.Range(0, 3).Select(_ => context.WaitForEventAsync("e")).ToList();
            await Task.WhenAny(waiters);
            await context.WaitForEventAsync("end");
            return waiters.Count(w => w.IsCompleted);
        }));
        await host.StartAsync("W", "a", "0");
        await host.RaiseAsync("a", "e");
        await host.RaiseAsync("a", "e");
        await host.RunToRestAsync("a");
        await host.RaiseAsync("a", "end");
        Assert.Equal("2", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Event_for_an_ended_or_unknown_instance_is_reported()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, int>("W", (_, input) => Task.FromResult(input)));
        await host.StartAsync("W", "a", "1");
        await host.RunToEndAsync("a");
        Assert.False(await host.RaiseAsync("a", "e"));
        Assert.False(await host.RaiseAsync("nobody", "e"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Race_of_a_timer_and_an_event_ends_alike_in_every_replay(bool raise)
    {
        await using var host = await StartHostAsync(Catalog().Add<double, string>("W", async (context, seconds) =>
        {
            using var stop = new CancellationTokenSource();
            var timer = context.WaitUntilAsync(context.Now.AddSeconds(seconds), stop.Token);
            var raised = context.WaitForEventAsync("e");
            var winner = await Task.WhenAny(timer, raised) == timer ? "timer" : "event";
            stop.Cancel();
            await context.WaitForEventAsync("end");
            return winner;
        }));
        await host.StartAsync("W", "a", JsonSerializer.Serialize(host.ShortWait.TotalSeconds));
        await host.RunToRestAsync("a");
        if (raise) await host.RaiseAsync("a", "e");
        await host.RunToRestAsync("a");
        await host.PassAsync(host.ShortWait * 2);
        await host.RunToRestAsync("a");
        // The loser completes too, and must not win in the replay.
        if (!raise) await host.RaiseAsync("a", "e");
        await host.RunToRestAsync("a");
        await host.KillAsync();
        await host.RaiseAsync("a", "end");
        Assert.Equal(raise ? "event" : "timer", Output<string>(await host.RunToEndAsync("a")));
    }

    [Fact]
    public async Task Clock_is_the_same_in_every_replay()
    {
        var seen = new ConcurrentDictionary<int, ConcurrentBag<DateTimeOffset>>();
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, (n, _) => Task.FromResult(n))
            .Add<double, bool>("W", async (context, seconds) =>
            {
                for (var i = 0; i < 4; i++)
                {
                    seen.GetOrAdd(i, _ => []).Add(context.Now);
                    await context.CallAsync(Count, i);
                    await context.WaitUntilAsync(context.Now.AddSeconds(seconds), CancellationToken.None);
                }
                return true;
            }));
        var before = host.Now;
        await host.StartAsync("W", "a", JsonSerializer.Serialize(host.ShortWait.TotalSeconds));
        await host.RunToEndAsync("a");
        Assert.All(seen.Values, times => Assert.Single(times.Distinct()));
        var clock = seen.OrderBy(s => s.Key).Select(s => s.Value.First()).ToList();
        Assert.Equal(clock.Order(), clock);
        Assert.InRange(clock[^1], before, host.Now);
    }

    [Fact]
    public async Task Status_is_visible_while_the_workflow_waits_and_after_its_end()
    {
        await using var host = await StartHostAsync(Catalog().Add<int, int>("W", async (context, n) =>
        {
            context.ReportStatus("waiting");
            await context.WaitForEventAsync("e");
            context.ReportStatus("done");
            return n;
        }));
        await host.StartAsync("W", "a", "0");
        await host.RunToRestAsync("a");
        Assert.Equal("\"waiting\"", (await host.FindAsync("a"))!.Status);
        await host.RaiseAsync("a", "e");
        Assert.Equal("\"done\"", (await host.RunToEndAsync("a")).Status);
    }

    [Fact]
    public async Task Status_is_visible_while_a_step_runs()
    {
        var entered = new TaskCompletionSource();
        var gate = new TaskCompletionSource();
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, async (n, cancellationToken) =>
            {
                entered.SetResult();
                await gate.Task.WaitAsync(cancellationToken);
                return n;
            })
            .Add<int, int>("W", (context, n) =>
            {
                context.ReportStatus("working");
                return context.CallAsync(Count, n);
            }));
        await host.StartAsync("W", "a", "0");
        await entered.Task;
        string? status = null;
        while (status is null)
        {
            status = (await host.FindAsync("a"))!.Status;
            await Task.Yield();
        }
        Assert.Equal("\"working\"", status);
        gate.SetResult();
        await host.RunToEndAsync("a");
    }

    [Fact]
    public async Task Child_outlives_its_parent_and_is_started_once()
    {
        var children = new ConcurrentBag<string>();
        await using var host = await StartHostAsync(Catalog()
            .Add(Echo, (text, _) =>
            {
                children.Add(text);
                return Task.FromResult(text);
            })
            .Add<string, string>("Child", async (context, text) =>
            {
                await context.WaitForEventAsync("go");
                return await context.CallAsync(Echo, text);
            })
            .Add<int, string>("W", async (context, _) =>
            {
                await context.StartChildAsync("Child", "child", "first");
                await context.StartChildAsync("Child", "child", "second");
                return "parent is done";
            }));
        await host.StartAsync("W", "a", "0");
        Assert.Equal("parent is done", Output<string>(await host.RunToEndAsync("a")));
        await host.KillAsync();
        await host.RunToRestAsync("child");
        Assert.False((await host.FindAsync("child"))!.HasEnded);
        await host.RaiseAsync("child", "go");
        Assert.Equal("first", Output<string>(await host.RunToEndAsync("child")));
        Assert.Equal(["first"], children);
    }

    [Fact]
    public async Task Continue_as_new_keeps_id_and_events_and_drops_the_history()
    {
        var runs = 0;
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, (n, _) =>
            {
                Interlocked.Increment(ref runs);
                return Task.FromResult(n + 1);
            })
            .Add<int, string>("W", async (context, n) =>
            {
                n = await context.CallAsync(Count, n);
                if (n < 3)
                {
                    context.ContinueAsNew(n);
                    return "ignored";
                }
                await context.WaitForEventAsync("e");
                await context.WaitForEventAsync("e");
                return $"{context.Id}:{n}";
            }));
        await host.StartAsync("W", "a", "0");
        await host.RaiseAsync("a", "e");
        await host.RunToRestAsync("a");
        await host.KillAsync();
        await host.RaiseAsync("a", "e");
        Assert.Equal("a:3", Output<string>(await host.RunToEndAsync("a")));
        Assert.Equal(3, runs);
    }

    [Fact]
    public async Task Event_raised_during_continue_as_new_is_not_lost()
    {
        const int rounds = 25;
        await using var host = await StartHostAsync(Catalog().Add<int, int>("W", async (context, seen) =>
        {
            var raised = context.WaitForEventAsync("e");
            await context.WaitForEventAsync("go");
            if (raised.IsCompleted) seen++;
            if (seen < rounds) context.ContinueAsNew(seen);
            return seen;
        }));
        await host.StartAsync("W", "a", "0");
        for (var i = 0; i < rounds; i++)
        {
            await host.RunToRestAsync("a");
            await Task.WhenAll(host.RaiseAsync("a", "go"), host.RaiseAsync("a", "e"));
        }
        await host.RunToRestAsync("a");
        // An event that came too late for its run waits for the next one: one more run sees it.
        await host.RaiseAsync("a", "go");
        Assert.Equal(rounds, Output<int>(await host.RunToEndAsync("a")));
    }

    [Fact]
    public async Task Waiting_workflow_survives_repeated_kills()
    {
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, (n, _) => Task.FromResult(n * 2))
            .Add<double, int>("W", async (context, seconds) =>
            {
                var n = 1;
                for (var i = 0; i < 5; i++)
                {
                    n = await context.CallAsync(Count, n);
                    await context.WaitUntilAsync(context.Now.AddSeconds(seconds), CancellationToken.None);
                }
                return n;
            }));
        await host.StartAsync("W", "a", JsonSerializer.Serialize(host.ShortWait.TotalSeconds));
        for (var i = 0; i < 5; i++)
        {
            await host.RunToRestAsync("a");
            await host.KillAsync();
            await host.PassAsync(host.ShortWait);
        }
        Assert.Equal("32", (await host.RunToEndAsync("a")).Output);
    }

    [Fact]
    public async Task Many_workflows_run_in_parallel_and_all_end()
    {
        await using var host = await StartHostAsync(Catalog()
            .Add(Count, (n, _) => Task.FromResult(n * n))
            .Add<int, int>("W", async (context, n) =>
            {
                await context.WaitUntilAsync(context.Now + TimeSpan.FromMilliseconds(n), CancellationToken.None);
                return await context.CallAsync(Count, n);
            }));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => host.StartAsync("W", $"w{i}", i.ToString(System.Globalization.CultureInfo.InvariantCulture))));
        for (var i = 0; i < 100; i++)
            Assert.Equal(i * i, Output<int>(await host.RunToEndAsync($"w{i}")));
    }

    private static WorkflowCatalog Catalog() => new(Json);

    private static RetryPolicy Retry(int attempts) => new(attempts, TimeSpan.FromMilliseconds(50), 2, TimeSpan.FromSeconds(1));

    private static T Output<T>(InstanceView view) => JsonSerializer.Deserialize<T>(view.Output ?? throw new InvalidOperationException(view.Failure ?? "It has not ended."), Json)!;
}
