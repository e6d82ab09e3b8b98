using KlingFunctions.Pipeline.Notifying;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>A dead letter for display: without the body, which is the job's resource.</summary>
/// <param name="Job">The id of the job: <c>redeliver</c> of that job sends it again.</param>
/// <param name="Receiver">The receiver's host.</param>
/// <param name="Reason">Why the last try failed, without secrets.</param>
/// <param name="At">When delivery was given up (UTC).</param>
public sealed record DeadLetterView(string Job, string Receiver, string Reason, DateTimeOffset At);

/// <summary>The dead letters, newest first.</summary>
/// <param name="DeadLetters">One for each notification.</param>
public sealed record DeadLetterList(IReadOnlyList<DeadLetterView> DeadLetters);

/// <summary>The route <c>/api/dead-letters</c>: undelivered notifications, over all jobs.</summary>
internal sealed class DeadLetterRoutes(DeadLetters deadLetters)
{
    /// <summary><c>GET /api/dead-letters</c>: every dead letter. It is deleted once delivered, or with its job.</summary>
    public async Task<IResult> ListAsync(HttpContext http) => Results.Json(
        new DeadLetterList([.. (await deadLetters.ListAsync(http.RequestAborted)).Select(l => new DeadLetterView(l.JobId, l.Receiver, l.Reason, l.At))]),
        PipelineJson.Default.DeadLetterList);
}
