namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// Every word for a state that RunComfy documents (docs.runcomfy.com/model-apis/async-queue-endpoints: one vocabulary for the status,
/// another for the result), that any known client of it accepts, or that the services behind it use.
/// </summary>
internal static class StateWords
{
    public static RequestState? Read(string word) => word.Trim().ToLowerInvariant().Replace('-', '_').Replace(' ', '_') switch
    {
        "in_queue" or "queued" or "pending" or "waiting" or "submitted" or "scheduled" or "enqueued" or "not_started" => RequestState.Queued,
        "in_progress" or "starting" or "processing" or "running" or "started" or "generating" or "rendering" or "executing" or "in_process" or "cancellation_requested" => RequestState.Running,
        "completed" or "complete" or "succeeded" or "succeed" or "success" or "successful" or "finished" or "done" => RequestState.Finished,
        "failed" or "error" => RequestState.Failed,
        "cancelled" or "canceled" => RequestState.Cancelled,
        _ => null,
    };
}
