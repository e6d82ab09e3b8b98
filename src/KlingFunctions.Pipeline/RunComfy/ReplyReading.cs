namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// The meaning of a provider's answer for each of the four calls. Pure and total: any bytes have exactly one meaning. Where RunComfy
/// documents nothing, the reading is chosen that can't cost money or lose a paid video.
/// </summary>
internal static class ReplyReading
{
    // docs.runcomfy.com/model-apis/error-codes, except NotReadyYet, which only the tests of RunComfy's Zapier integration show.
    private const int InvalidResourceIdentifier = 400001;
    private const int InsufficientResources = 400002;
    private const int UserAccountError = 400004;
    private const int NotReadyYet = 400005;
    private const int ResourceNotFound = 404001;

    /// <summary>RunComfy's code for a request of another account.</summary>
    internal const int PermissionDenied = 403001;

    public static SubmitAnswer Submit(ProviderReply reply)
    {
        if (reply.IsSuccess)
        {
            // A documented refusal outranks an id beside it, which is then the id of the failed call. An unknown code does not: polling
            // shows whether there is a job, and neither case pays twice.
            if (Refusal(reply) is { } refusal)
                return new SubmitAnswer.Refused(Fault(reply, refusal));
            return reply.RequestId is { } id
                ? new SubmitAnswer.Accepted(id)
                : InDoubt(reply, "without a usable request id");
        }

        return reply.HttpStatus switch
        {
            429 => new SubmitAnswer.Refused(Fault(reply, FaultClass.Transient)),
            var status when IsRefusal(status) => new SubmitAnswer.Refused(Fault(reply, AccountFault(reply) ?? FaultClass.Job)),
            _ => InDoubt(reply, "which is no refusal"),
        };
    }

    public static StatusAnswer Status(ProviderReply reply)
    {
        if (TrustedState(reply) is { } known)
            return known;
        var unknown = reply.Word is { } word && StateWords.Read(word) is null ? ProviderText.Clean(word, token: "") : null;
        if (unknown is not null && reply.IsSuccess && reply.Code is null)
            return new StatusAnswer.UnknownWord(unknown.Length > 64 ? unknown[..64] : unknown);
        return new StatusAnswer.Faulted(Fault(reply, WatchFault(reply)));
    }

    public static ResultAnswer Result(ProviderReply reply)
    {
        var state = TrustedState(reply);
        switch (state?.State)
        {
            case RequestState.Finished:
                return new ResultAnswer.Succeeded(reply.Files, reply.Took, reply.Cost);
            case RequestState.Failed:
                return new ResultAnswer.Failed(reply.Sentence ?? "RunComfy says that the job failed, and gives no reason.", reply.Took);
            case RequestState.Cancelled:
                return new ResultAnswer.Cancelled();
            case RequestState.Queued or RequestState.Running:
                return new ResultAnswer.NotReady(state);
        }

        if (reply.Code == NotReadyYet)
            return new ResultAnswer.NotReady(State: Named(reply));
        if (!reply.IsSuccess || reply.Code is not null)
            return new ResultAnswer.Faulted(Fault(reply, WatchFault(reply)));

        // The word is missing or unknown. Output is present only after success (docs.runcomfy.com/model-apis/async-queue-endpoints).
        if (reply.NamesOutput || (reply.Word is null && reply.HasOutput))
            return new ResultAnswer.Succeeded(reply.Files, reply.Took, reply.Cost);
        return reply.Word is not null
            ? new ResultAnswer.NotReady(State: null)
            : new ResultAnswer.Faulted(Fault(reply, FaultClass.Transient));
    }

    public static CancelAnswer Cancel(ProviderReply reply)
    {
        // RunComfy's own example shows status "completed" beside outcome "cancelled": the status counts only without an outcome.
        var word = (reply.Outcome ?? reply.Word ?? "").Trim().ToLowerInvariant();
        if (word is "not_cancellable" or "not_cancelable")
            return new CancelAnswer.NotCancellable();
        if (reply.IsSuccess && reply.Code is null && word is "cancelled" or "canceled")
            return new CancelAnswer.Cancelled();
        return new CancelAnswer.Faulted(Fault(reply, WatchFault(reply)));
    }

    /// <summary>The fault of a free call; null if it succeeded.</summary>
    public static ProviderFault? Trouble(ProviderReply reply)
    {
        if (reply.IsSuccess && reply.Code is null) return null;
        var isNotThere = reply.HttpStatus is 404 || reply.Code is ResourceNotFound or InvalidResourceIdentifier;
        return Fault(reply, AccountFault(reply) ?? (isNotThere ? FaultClass.NotFound : FaultClass.Transient));
    }

    /// <summary>
    /// The state, if it certainly is the job's. An error envelope may say <c>"status": "error"</c> of the call itself: in an HTTP error, or
    /// beside a documented code about the account, believing that word would give up a paid video.
    /// </summary>
    private static StatusAnswer.Known? TrustedState(ProviderReply reply) => Named(reply) switch
    {
        { State: RequestState.Queued or RequestState.Running } waiting when reply.IsSuccess || reply.Code == NotReadyYet => waiting,
        { State: RequestState.Finished } finished when reply.IsSuccess => finished,
        { } over when reply.IsSuccess && AccountFault(reply) is null && reply.Code is not (ResourceNotFound or NotReadyYet) => over,
        _ => null,
    };

    private static StatusAnswer.Known? Named(ProviderReply reply) =>
        reply.Word is { } word && StateWords.Read(word) is { } state
            ? new StatusAnswer.Known(state, word.Trim(), reply.QueuePosition, reply.RetryAfter)
            : null;

    /// <summary>
    /// Whether a status means that nothing was accepted: RunComfy documents it so (400, 403, 404), its own clients read it so (401, 402,
    /// 422), or HTTP sends it before processing (RFC 9110 section 15.5, RFC 6585). Not 408, where the server gave up waiting; nor 409, 425
    /// or any other: a proxy may send them for a request that was forwarded.
    /// </summary>
    private static bool IsRefusal(int status) => status is (>= 400 and <= 406) or 411 or (>= 413 and <= 415) or 422 or 431;

    /// <summary>The refusal of a submission by a documented code inside an HTTP 200.</summary>
    private static FaultClass? Refusal(ProviderReply reply) => reply.Code switch
    {
        InvalidResourceIdentifier or ResourceNotFound => FaultClass.Job,
        InsufficientResources => FaultClass.Balance,
        UserAccountError or PermissionDenied => FaultClass.Auth,
        _ => null,
    };

    /// <summary>RunComfy documents HTTP 400 with a code for both; its own clients handle 401, 402 and 403 as well.</summary>
    private static FaultClass? AccountFault(ProviderReply reply) => reply.Code switch
    {
        InsufficientResources => FaultClass.Balance,
        UserAccountError or PermissionDenied => FaultClass.Auth,
        _ => reply.HttpStatus switch
        {
            402 => FaultClass.Balance,
            401 or 403 => FaultClass.Auth,
            _ => null,
        },
    };

    /// <summary>The fault of a call about a paid job: transient unless the answer is certain.</summary>
    private static FaultClass WatchFault(ProviderReply reply) =>
        AccountFault(reply) ?? (reply.Code == ResourceNotFound ? FaultClass.NotFound : FaultClass.Transient);

    private static ProviderFault Fault(ProviderReply reply, FaultClass @class) =>
        new(
            @class,
            reply.HttpStatus,
            reply.Code,
            reply.Sentence ?? $"RunComfy answered HTTP {reply.HttpStatus} without saying why.",
            reply.RetryAfter);

    private static SubmitAnswer.InDoubt InDoubt(ProviderReply reply, string how) => new(
        $"RunComfy answered HTTP {reply.HttpStatus}, {how}: it may or may not have accepted the job."
        + (reply.Sentence is { } sentence ? $" It said: {sentence}" : ""));
}
