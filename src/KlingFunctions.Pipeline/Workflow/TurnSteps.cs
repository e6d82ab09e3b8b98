using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Workflow;

/// <summary>Lets at most <c>Pipeline:MaxInFlight</c> jobs be on their way at one time.</summary>
public sealed class TurnSteps(IQuota quota, IOptions<PipelineOptions> options)
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    /// <summary>Takes a place, if there is one.</summary>
    public async Task<Turn> EnterAsync(string jobId, CancellationToken cancel)
    {
        var cap = options.Value.MaxInFlight;
        return new(cap == 0 || await quota.TryEnterAsync(jobId, cap, cancel), AskAgainAfter);
    }

    /// <summary>Gives the place back.</summary>
    public async Task<bool> LeaveAsync(string jobId, CancellationToken cancel)
    {
        await quota.LeaveAsync(jobId, cancel);
        return true;
    }
}
