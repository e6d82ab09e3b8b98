namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>What came of the paid POST.</summary>
public abstract record SubmitAnswer
{
    private SubmitAnswer()
    {
    }

    /// <summary>The provider took the job, and has been or will be paid for it.</summary>
    /// <param name="RequestId">The provider's id of the job: 1 to 128 of A-Z, a-z, 0-9, _ and -.</param>
    public sealed record Accepted(string RequestId) : SubmitAnswer;

    /// <summary>
    /// The provider said no: nothing was accepted, nothing is paid. A <see cref="FaultClass.Transient"/> fault here is a rate limit, and
    /// the same POST may be sent again later.
    /// </summary>
    /// <param name="Fault">Why.</param>
    public sealed record Refused(ProviderFault Fault) : SubmitAnswer;

    /// <summary>The request's body never left this machine: nothing can have been accepted, and the same POST may be sent again.</summary>
    /// <param name="Message">One sentence saying what went wrong.</param>
    public sealed record NotSent(string Message) : SubmitAnswer;

    /// <summary>The provider may or may not have taken the job: sending it again might pay twice.</summary>
    /// <param name="Message">One sentence saying what went wrong.</param>
    public sealed record InDoubt(string Message) : SubmitAnswer;
}

/// <summary>Where a request stands, whatever word the provider has for it.</summary>
public enum RequestState
{
    /// <summary>Waiting for its turn; may still be cancelled.</summary>
    Queued,

    /// <summary>Being worked on.</summary>
    Running,

    /// <summary>Over. Only the result tells whether it succeeded.</summary>
    Finished,

    /// <summary>Over, without success.</summary>
    Failed,

    /// <summary>Cancelled.</summary>
    Cancelled,
}

/// <summary>What the status call told.</summary>
public abstract record StatusAnswer
{
    private StatusAnswer()
    {
    }

    /// <summary>The provider named a state that is known.</summary>
    /// <param name="State">The state.</param>
    /// <param name="Word">The provider's own word for it.</param>
    /// <param name="QueuePosition">Place in the queue, 0 or more; null when not told.</param>
    public sealed record Known(RequestState State, string Word, int? QueuePosition) : StatusAnswer;

    /// <summary>The provider used a word that no documentation and no client knows: the job goes on being watched.</summary>
    /// <param name="Word">The word, cut to 64 characters.</param>
    public sealed record UnknownWord(string Word) : StatusAnswer;

    /// <summary>The call failed.</summary>
    /// <param name="Fault">Why.</param>
    public sealed record Faulted(ProviderFault Fault) : StatusAnswer;
}

/// <summary>What kind of file an output is.</summary>
public enum OutputKind
{
    /// <summary>A moving picture.</summary>
    Video,

    /// <summary>A still picture.</summary>
    Image,
}

/// <summary>One file that a successful result names.</summary>
/// <param name="Name"><c>video</c>, <c>videos-1</c>, <c>image</c>, <c>images-1</c> and so on: the key of the output it stood under and its
/// place there, counted from 1.</param>
/// <param name="Kind">What the key promises.</param>
/// <param name="Url">Where the provider keeps it, as the provider wrote it: unchecked, perhaps short-lived, perhaps signed. Not for
/// logs.</param>
public sealed record OutputFile(string Name, OutputKind Kind, string Url);

/// <summary>What the result call told.</summary>
public abstract record ResultAnswer
{
    private ResultAnswer()
    {
    }

    /// <summary>The job succeeded.</summary>
    /// <param name="Files">What it made, each URL once, videos before images, the primary video first. Empty when the provider claims
    /// success and names nothing.</param>
    public sealed record Succeeded(IReadOnlyList<OutputFile> Files) : ResultAnswer;

    /// <summary>The job failed at the provider.</summary>
    /// <param name="Message">One sentence: the provider's own where it gave one.</param>
    public sealed record Failed(string Message) : ResultAnswer;

    /// <summary>The job was cancelled.</summary>
    public sealed record Cancelled : ResultAnswer;

    /// <summary>There is no result yet.</summary>
    /// <param name="State">The state told in place of the result; null when none was told.</param>
    public sealed record NotReady(StatusAnswer.Known? State) : ResultAnswer;

    /// <summary>The call failed.</summary>
    /// <param name="Fault">Why.</param>
    public sealed record Faulted(ProviderFault Fault) : ResultAnswer;
}

/// <summary>What came of asking the provider to cancel.</summary>
public abstract record CancelAnswer
{
    private CancelAnswer()
    {
    }

    /// <summary>The provider cancelled the job.</summary>
    public sealed record Cancelled : CancelAnswer;

    /// <summary>Too late: the job is being worked on, or is over. It goes on as if nobody had asked.</summary>
    public sealed record NotCancellable : CancelAnswer;

    /// <summary>The call failed, and nobody here can tell whether the job was cancelled; asking again does no harm.</summary>
    /// <param name="Fault">Why.</param>
    public sealed record Faulted(ProviderFault Fault) : CancelAnswer;
}
