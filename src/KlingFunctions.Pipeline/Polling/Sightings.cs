using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>A place in RunComfy's queue.</summary>
/// <param name="At">When it was reported (UTC).</param>
/// <param name="Position">The number of requests ahead.</param>
public sealed record QueuePlace(DateTimeOffset At, int Position);

/// <summary>Observations of one request over its polls. The workflow passes them from poll to poll.</summary>
/// <param name="At">When RunComfy last gave a state (UTC).</param>
/// <param name="QueuedAt">When the request was last seen in the queue (UTC); null: never.</param>
/// <param name="RunningAt">When it was first seen running (UTC); null: not yet.</param>
/// <param name="FirstPlace">The first reported place in the queue.</param>
/// <param name="LastPlace">The last one.</param>
public sealed record Sightings(
    DateTimeOffset At, DateTimeOffset? QueuedAt = null, DateTimeOffset? RunningAt = null, QueuePlace? FirstPlace = null, QueuePlace? LastPlace = null)
{
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(10);

    /// <summary>The expected time left in the queue, from the speed of its place; null if unknown.</summary>
    public TimeSpan? LeftInQueue => (FirstPlace, LastPlace) is ({ } first, { } last) && last.At > first.At
        ? (last.At - first.At) / Math.Max(first.Position - last.Position, 0.5) * (last.Position + 0.5)
        : null;

    /// <summary>The observations with one more.</summary>
    public static Sightings After(Sightings? before, DateTimeOffset now, RequestState state, int? position)
    {
        var seen = before is null ? new Sightings(now) : before with { At = now };
        if (state is not RequestState.Queued) return seen with { RunningAt = seen.RunningAt ?? now };
        // A request that returns to the queue starts again.
        seen = seen with { QueuedAt = now, RunningAt = null };
        return position is { } told ? seen with { FirstPlace = seen.FirstPlace ?? new(now, told), LastPlace = new(now, told) } : seen;
    }

    /// <summary>Whether the request waited in the queue; null if no poll came in time.</summary>
    /// <param name="submittedAt">When it was submitted.</param>
    public bool? WasQueued(DateTimeOffset submittedAt) => QueuedAt is not null ? true : RunningAt - submittedAt <= InTime ? false : null;

    /// <summary>When the run began, as closely as known.</summary>
    /// <param name="submittedAt">When the request was submitted: the start of a run that was never seen in the queue.</param>
    public DateTimeOffset StartOf(DateTimeOffset submittedAt)
    {
        if (QueuedAt is not { } queued) return submittedAt;
        if (RunningAt is not { } running) return queued;
        var expected = LastPlace is { } last && LeftInQueue is { } left ? last.At + left : queued + ((running - queued) / 2);
        return expected < queued ? queued : expected > running ? running : expected;
    }
}
