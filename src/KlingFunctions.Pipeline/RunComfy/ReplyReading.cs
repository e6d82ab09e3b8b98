namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// What an answer of the provider's means for each of the four calls. Pure and total: whatever the bytes, there is one meaning. Where
/// RunComfy documents nothing, the reading that can't cost money or lose a paid video is taken.
/// </summary>
internal static class ReplyReading
{
    // docs.runcomfy.com/model-apis/error-codes, except NotReadyYet, which only the tests of RunComfy's Zapier integration show.
    private const int InvalidResourceIdentifier = 400001;
    private const int InsufficientResources = 400002;
    private const int UserAccountError = 400004;
    private const int NotReadyYet = 400005;
    private const int PermissionDenied = 403001;
    private const int ResourceNotFound = 404001;

    public static SubmitAnswer Submit(ProviderReply reply)
    {
        if (reply.IsSuccess)
        {
            // A documented refusal outranks an id beside it, which is then the failed call's own. An unknown code does not: if there is a
            // job, polling will know it, and if there is none, polling will say so, and neither pays twice.
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
                return new ResultAnswer.Succeeded(reply.Files);
            case RequestState.Failed:
                return new ResultAnswer.Failed(reply.Sentence ?? "RunComfy says that the job failed, and gives no reason.");
            case RequestState.Cancelled:
                return new ResultAnswer.Cancelled();
            case RequestState.Queued or RequestState.Running:
                return new ResultAnswer.NotReady(state);
        }

        if (reply.Code == NotReadyYet)
            return new ResultAnswer.NotReady(State: Named(reply));
        if (!reply.IsSuccess || reply.Code is not null)
            return new ResultAnswer.Faulted(Fault(reply, WatchFault(reply)));

        // No word, or an unknown one. The output is there only after success (docs.runcomfy.com/model-apis/async-queue-endpoints).
        if (reply.NamesOutput)
            return new ResultAnswer.Succeeded(reply.Files);
        return reply.Word is not null
            ? new ResultAnswer.NotReady(State: null)
            : new ResultAnswer.Faulted(Fault(reply, FaultClass.Transient));
    }

    public static CancelAnswer Cancel(ProviderReply reply)
    {
        // RunComfy's own example shows status "completed" beside outcome "cancelled": the outcome counts, the status only where there is
        // none.
        var word = (reply.Outcome ?? reply.Word ?? "").Trim().ToLowerInvariant();
        if (word is "not_cancellable" or "not_cancelable")
            return new CancelAnswer.NotCancellable();
        if (reply.IsSuccess && reply.Code is null && word is "cancelled" or "canceled")
            return new CancelAnswer.Cancelled();
        return new CancelAnswer.Faulted(Fault(reply, WatchFault(reply)));
    }

    /// <summary>
    /// The state, if the answer can be believed to be about the job. An error envelope may say <c>"status": "error"</c> of the call itself:
    /// in an HTTP error, or beside a documented code about the account, such a word would give up a video that is paid for.
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
            ? new StatusAnswer.Known(state, word.Trim(), reply.QueuePosition)
            : null;

    /// <summary>
    /// Whether a status says that nothing was taken: because RunComfy documents it (400, 403, 404), because its own clients read it so (401,
    /// 402, 422), or because by HTTP's own meaning it is said before anything is done (RFC 9110 section 15.5, RFC 6585). Not 408, which tells
    /// of a server that gave up waiting; nor 409, 425 or any other: a proxy may say them of a request that has gone through.
    /// </summary>
    private static bool IsRefusal(int status) => status is (>= 400 and <= 406) or 411 or (>= 413 and <= 415) or 422 or 431;

    /// <summary>How a documented code inside an HTTP 200 refuses a submission.</summary>
    private static FaultClass? Refusal(ProviderReply reply) => reply.Code switch
    {
        InvalidResourceIdentifier or ResourceNotFound => FaultClass.Job,
        InsufficientResources => FaultClass.Balance,
        UserAccountError or PermissionDenied => FaultClass.Auth,
        _ => null,
    };

    /// <summary>RunComfy documents HTTP 400 with a code for both; 401, 402 and 403 are what its own clients handle as well.</summary>
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

    /// <summary>A call about a job that is paid for: only what is certain is more than passing trouble.</summary>
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
        $"RunComfy answered HTTP {reply.HttpStatus}, {how}: it may or may not have taken the job."
        + (reply.Sentence is { } sentence ? $" It said: {sentence}" : ""));
}
