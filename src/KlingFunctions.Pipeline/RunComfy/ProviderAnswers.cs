namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>The answer to the paid POST.</summary>
public abstract record SubmitAnswer
{
    private SubmitAnswer()
    {
    }

    /// <summary>The provider accepted the job and charges for it.</summary>
    /// <param name="RequestId">The provider's id of the job: 1 to 128 of A-Z, a-z, 0-9, _ and -.</param>
    public sealed record Accepted(string RequestId) : SubmitAnswer;

    /// <summary>
    /// The provider refused: nothing was accepted, nothing is paid. A <see cref="FaultClass.Transient"/> fault here is a rate limit, and
    /// the same POST may be sent again later.
    /// </summary>
    /// <param name="Fault">Why.</param>
    public sealed record Refused(ProviderFault Fault) : SubmitAnswer;

    /// <summary>The request's body never left this machine: nothing can have been accepted, and the same POST may be sent again.</summary>
    /// <param name="Message">The cause, in one sentence.</param>
    public sealed record NotSent(string Message) : SubmitAnswer;

    /// <summary>The provider may have accepted the job: another POST might pay twice.</summary>
    /// <param name="Message">The cause, in one sentence.</param>
    public sealed record InDoubt(string Message) : SubmitAnswer;
}

/// <summary>The state of a request, whatever the provider's word for it.</summary>
public enum RequestState
{
    /// <summary>In the queue; may still be cancelled.</summary>
    Queued,

    /// <summary>In progress.</summary>
    Running,

    /// <summary>Ended. Only the result says whether it succeeded.</summary>
    Finished,

    /// <summary>Ended without success.</summary>
    Failed,

    /// <summary>Cancelled.</summary>
    Cancelled,
}

/// <summary>The answer to the status call.</summary>
public abstract record StatusAnswer
{
    private StatusAnswer()
    {
    }

    /// <summary>The provider named a known state.</summary>
    /// <param name="State">The state.</param>
    /// <param name="Word">The provider's own word for it.</param>
    /// <param name="QueuePosition">Place in the queue, 0 or more; null if absent.</param>
    /// <param name="RetryAfter">The wait that the provider asks for; null if absent.</param>
    public sealed record Known(RequestState State, string Word, int? QueuePosition, TimeSpan? RetryAfter = null) : StatusAnswer;

    /// <summary>The provider used a word that no documentation and no client knows: polling continues.</summary>
    /// <param name="Word">The word, cut to 64 characters.</param>
    public sealed record UnknownWord(string Word) : StatusAnswer;

    /// <summary>The call failed.</summary>
    /// <param name="Fault">Why.</param>
    public sealed record Faulted(ProviderFault Fault) : StatusAnswer;
}

/// <summary>The kind of an output file.</summary>
public enum OutputKind
{
    /// <summary>A moving picture.</summary>
    Video,

    /// <summary>A still picture.</summary>
    Image,
}

/// <summary>One file that a successful result names.</summary>
/// <param name="Name"><c>video</c>, <c>videos-1</c>, <c>image</c>, <c>images-1</c> and so on: the file's key in the output and its
/// place there, counted from 1.</param>
/// <param name="Kind">The kind that the key promises.</param>
/// <param name="Url">The URL as the provider wrote it: unchecked, perhaps short-lived, perhaps signed. Not for logs.</param>
public sealed record OutputFile(string Name, OutputKind Kind, string Url);

/// <summary>The answer to the result call.</summary>
public abstract record ResultAnswer
{
    private ResultAnswer()
    {
    }

    /// <summary>The job succeeded.</summary>
    /// <param name="Files">Its files, each URL once, videos before images, the primary video first. Empty if the provider reports success
    /// and names no file.</param>
    /// <param name="Took">The time from submission to end, queue included, by the provider's clock; null if absent.</param>
    /// <param name="Cost">RunComfy's charge, if the answer has it.</param>
    public sealed record Succeeded(IReadOnlyList<OutputFile> Files, TimeSpan? Took = null, Cost? Cost = null) : ResultAnswer;

    /// <summary>The job failed at the provider.</summary>
    /// <param name="Message">One sentence: the provider's own where it gave one.</param>
    /// <param name="Took">As for success.</param>
    public sealed record Failed(string Message, TimeSpan? Took = null) : ResultAnswer;

    /// <summary>The job was cancelled.</summary>
    public sealed record Cancelled : ResultAnswer;

    /// <summary>There is no result yet.</summary>
    /// <param name="State">The state given in place of the result; null if absent.</param>
    public sealed record NotReady(StatusAnswer.Known? State) : ResultAnswer;

    /// <summary>The call failed.</summary>
    /// <param name="Fault">Why.</param>
    public sealed record Faulted(ProviderFault Fault) : ResultAnswer;
}

/// <summary>The answer to the cancel call.</summary>
public abstract record CancelAnswer
{
    private CancelAnswer()
    {
    }

    /// <summary>The provider cancelled the job.</summary>
    public sealed record Cancelled : CancelAnswer;

    /// <summary>Too late: the job is in progress or has ended, and continues as if not asked.</summary>
    public sealed record NotCancellable : CancelAnswer;

    /// <summary>The call failed, and it is unknown whether the job was cancelled; a repeat is harmless.</summary>
    /// <param name="Fault">Why.</param>
    public sealed record Faulted(ProviderFault Fault) : CancelAnswer;
}
