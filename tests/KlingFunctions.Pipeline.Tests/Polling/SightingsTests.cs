using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Tests.Polling;

public class SightingsTests
{
    private static readonly DateTimeOffset Submitted = new(2026, 5, 1, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Request_that_was_never_seen_queued_runs_since_its_submission()
    {
        var seen = See((3, RequestState.Running, null), (60, RequestState.Running, null));
        Assert.Equal(Submitted, seen.StartOf(Submitted));
        Assert.False(seen.WasQueued(Submitted));
        Assert.Null(See((90, RequestState.Running, null)).WasQueued(Submitted));
    }

    [Fact]
    public void Run_begins_between_the_last_poll_in_the_queue_and_the_first_outside()
    {
        var seen = See((0, RequestState.Queued, null), (40, RequestState.Queued, null), (60, RequestState.Running, null), (90, RequestState.Running, null));
        Assert.Equal(Submitted.AddSeconds(50), seen.StartOf(Submitted));
        Assert.True(seen.WasQueued(Submitted));
    }

    [Fact]
    public void Speed_of_the_queue_gives_its_remaining_time()
    {
        var seen = See((0, RequestState.Queued, 10), (30, RequestState.Queued, 4));
        Assert.InRange(seen.LeftInQueue!.Value.TotalSeconds, 20, 25);
        var began = See((0, RequestState.Queued, 10), (30, RequestState.Queued, 4), (90, RequestState.Running, null)).StartOf(Submitted);
        Assert.InRange(began, Submitted.AddSeconds(50), Submitted.AddSeconds(55));
    }

    [Fact]
    public void Single_position_gives_no_speed() => Assert.Null(See((0, RequestState.Queued, 10)).LeftInQueue);

    [Fact]
    public void Request_that_is_queued_again_starts_again()
    {
        var seen = See((0, RequestState.Running, null), (30, RequestState.Queued, null), (50, RequestState.Running, null));
        Assert.Equal(Submitted.AddSeconds(40), seen.StartOf(Submitted));
    }

    private static Sightings See(params (int Seconds, RequestState State, int? Position)[] polls) =>
        polls.Aggregate((Sightings?)null, (seen, poll) => Sightings.After(seen, Submitted.AddSeconds(poll.Seconds), poll.State, poll.Position))!;
}
