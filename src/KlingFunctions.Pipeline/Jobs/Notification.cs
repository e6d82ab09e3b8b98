namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The input of the workflow <c>Notify</c>: an ended job, or a finished batch, for one receiver.</summary>
/// <param name="MessageId">The <c>webhook-id</c>: the same in every try and for every receiver of the same event.</param>
/// <param name="Receiver">The receiver.</param>
/// <param name="Job">The job; null for a batch.</param>
/// <param name="State">The state in which it ended; null for a batch.</param>
/// <param name="EndedAt">When it ended (UTC): the body's <c>timestamp</c>.</param>
/// <param name="Batch">The batch; null for a job.</param>
public sealed record Notification(
    string MessageId, Receiver Receiver, VideoJob? Job, JobState? State, DateTimeOffset EndedAt, BatchResource? Batch = null)
{
    /// <summary>The id of the job or of the batch.</summary>
    public string About => Job?.Id ?? Batch?.Id ?? "";
}
