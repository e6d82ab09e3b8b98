using System.Text.Json;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>The time of the first poll after a submission.</summary>
/// <param name="Delay">The wait from now.</param>
/// <param name="ExpectedAt">When the video is expected to be finished (UTC), if the request does not wait in the queue.</param>
internal sealed record FirstPollTime(TimeSpan Delay, DateTimeOffset ExpectedAt);

/// <summary>Plans the first poll: with known run times, it may wait until the shortest run could end.</summary>
internal sealed class FirstPoll(ModelContract model, LearnedRunTimes learned, PollPlan plan, TimeProvider time)
{
    /// <summary>The time of the first poll; null without known run times: it comes at once.</summary>
    public async Task<FirstPollTime?> PlanAsync(string jobId, JsonElement input, DateTimeOffset submittedAt, CancellationToken cancellationToken)
    {
        if (await learned.FindAsync(model.DurationOf(input), cancellationToken) is not { } runs) return null;
        var elapsed = time.GetUtcNow() - submittedAt;
        return new(plan.FirstDelay(elapsed, jobId, runs), WholeSecond(submittedAt + runs.Quantile(0.5, elapsed)));
    }

    /// <summary>A forecast is not exact to a fraction of a second.</summary>
    internal static DateTimeOffset WholeSecond(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());
}
