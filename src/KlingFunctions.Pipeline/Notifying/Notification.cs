using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The input of the workflow <see cref="Notify"/>: one ended job, told to one receiver.</summary>
/// <param name="MessageId">The <c>webhook-id</c>: the same in every try and for every receiver of the same happening.</param>
/// <param name="Receiver">Who is told.</param>
/// <param name="Job">The job.</param>
/// <param name="State">The state in which it ended.</param>
/// <param name="EndedAt">When it ended (UTC): the body's <c>timestamp</c>.</param>
public sealed record Notification(string MessageId, Receiver Receiver, VideoJob Job, JobState State, DateTimeOffset EndedAt);
