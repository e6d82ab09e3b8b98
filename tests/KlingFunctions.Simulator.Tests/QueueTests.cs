using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Simulator.Tests;

public class QueueTests
{
    [Fact]
    public async Task Requests_beyond_the_slots_wait_in_order_with_their_positions()
    {
        await using var provider = await Provider.Start(new() { Slots = 1 });
        string[] ids = [await provider.Submit(), await provider.Submit(), await provider.Submit()];
        Assert.Equal([1, 2, 3], await Positions(provider, ids));
        provider.Pass(2);
        Assert.Equal([null, 1, 2], await Positions(provider, ids));
        provider.Pass(6);
        Assert.Equal([null, null, 1], await Positions(provider, ids));
    }

    [Fact]
    public async Task Cancelled_request_leaves_no_gap_behind()
    {
        await using var provider = await Provider.Start(new() { Slots = 0 });
        string[] ids = [await provider.Submit(), await provider.Submit(), await provider.Submit(), await provider.Submit()];
        await provider.Cancel(ids[1]);
        Assert.Equal([1, null, 2, 3], await Positions(provider, ids));
        await provider.Cancel(ids[0]);
        Assert.Equal([null, null, 1, 2], await Positions(provider, ids));
    }

    [Fact]
    public async Task Late_poll_reports_events_at_their_due_times()
    {
        await using var provider = await Provider.Start(new() { Slots = 1 });
        await provider.Submit();
        await provider.Submit();
        var third = await provider.Submit();
        provider.Pass(3600);
        // 2 s in the queue, and three runs of 6 s in sequence.
        Assert.StartsWith("2026-03-01T12:00:20.", (await provider.Result(third)).Text("finished_at"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slots_run_in_parallel()
    {
        await using var provider = await Provider.Start(new() { Slots = 3 });
        string[] ids = [await provider.Submit(), await provider.Submit(), await provider.Submit()];
        provider.PassARun();
        foreach (var id in ids) Assert.Equal("completed", (await provider.Status(id)).Text("status"));
    }

    [Fact]
    public async Task Request_can_run_for_ever_until_it_is_released()
    {
        await using var provider = await Provider.Start(new() { NeverFinishes = true });
        var id = await provider.Submit();
        provider.Pass(86_400);
        Assert.Equal("in_progress", (await provider.Status(id)).Text("status"));
        provider.Change(behaviour => behaviour with { NeverFinishes = false });
        Assert.Equal("completed", (await provider.Status(id)).Text("status"));
    }

    [Fact]
    public async Task Endless_run_time_is_accepted()
    {
        await using var provider = await Provider.Start(new() { RunTime = TimeSpan.MaxValue });
        var id = await provider.Submit();
        provider.Pass(86_400);
        Assert.Equal("in_progress", (await provider.Status(id)).Text("status"));
    }

    [Fact]
    public async Task Changed_behaviour_does_not_affect_earlier_requests()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        provider.PassARun();
        provider.Change(behaviour => behaviour with { RunTime = TimeSpan.FromHours(1) });
        Assert.Equal("completed", (await provider.Status(id)).Text("status"));
    }

    [Fact]
    public void Queue_is_first_in_first_out_and_the_account_is_right() =>
        Prop.ForAll(Gen.Zip(Gen.Choose(1, 3), Step.Generator.ListOf()).ToArbitrary(),
            run => Holds(run.Item1, run.Item2)).QuickCheckThrowOnFailure();

    private static void Holds(int slots, IEnumerable<Step> steps)
    {
        var clock = new FakeTimeProvider();
        var simulation = new Simulation(new() { Slots = slots }, clock);
        var ids = new List<string>();
        var cancelled = new HashSet<string>();
        var before = new List<Request>();
        foreach (var step in steps)
        {
            if (step.Kind == StepKind.Submit) ids.Add(simulation.Submit(Input, failure: null)!.Id);
            if (step.Kind == StepKind.Pass) clock.Advance(TimeSpan.FromSeconds(step.Number));
            if (step.Kind == StepKind.Cancel && ids.Count > 0)
            {
                var id = ids[step.Number % ids.Count];
                var could = simulation.Find(id)!.State is RequestState.InQueue or RequestState.Cancelled;
                Assert.Equal(could, simulation.Cancel(id)!.State == RequestState.Cancelled);
                if (could) cancelled.Add(id);
            }

            var now = ids.ConvertAll(id => simulation.Find(id)!);
            Assert.All(before.Zip(now), pair => Assert.True(Rank(pair.First) <= Rank(pair.Second), "A state went back."));
            Assert.Equal(cancelled, now.Where(request => request.State == RequestState.Cancelled).Select(request => request.Id).ToHashSet());
            var queued = now.Where(request => request.State == RequestState.InQueue).ToList();
            Assert.Equal(Enumerable.Range(1, queued.Count), queued.Select(request => request.QueuePosition!.Value));
            Assert.All(now.Except(queued), request => Assert.Null(request.QueuePosition));
            Assert.InRange(now.Count(request => request.State == RequestState.InProgress), 0, slots);
            // First in, first out: except for cancelled requests, none waits before one that has started.
            var ranks = now.Where(request => request.State != RequestState.Cancelled).Select(Rank).ToList();
            Assert.Equal(ranks.OrderDescending(), ranks);
            before = now;
        }

        clock.Advance(TimeSpan.FromHours(1));
        Assert.All(ids, id =>
            Assert.Equal(cancelled.Contains(id) ? RequestState.Cancelled : RequestState.Succeeded, simulation.Find(id)!.State));
        Assert.Equal(ids, simulation.Account.Accepted.Select(submission => submission.RequestId));
        Assert.Equal(0.56m * (ids.Count - cancelled.Count), simulation.Account.SpentUsd);
    }

    private static JsonElement Input { get; } = JsonSerializer.SerializeToElement(Provider.Input());

    private static int Rank(Request request) => request.State switch { RequestState.InQueue => 0, RequestState.InProgress => 1, _ => 2 };

    private static async Task<List<int?>> Positions(Provider provider, IEnumerable<string> ids)
    {
        var positions = new List<int?>();
        foreach (var id in ids) positions.Add((await provider.Status(id)).Position);
        return positions;
    }

    private enum StepKind
    {
        Submit,
        Pass,
        Cancel,
    }

    private sealed record Step(StepKind Kind, int Number)
    {
        public static Gen<Step> Generator { get; } =
            from kind in Gen.Elements(StepKind.Submit, StepKind.Submit, StepKind.Pass, StepKind.Cancel)
            from number in Gen.Choose(0, 9)
            select new Step(kind, number);
    }
}
