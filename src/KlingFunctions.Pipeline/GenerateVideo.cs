using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline;

/// <summary>
/// The workflow of a job, from its acceptance to its end, stage by stage. Deterministic: see <see cref="IWorkflowContext"/>.
/// </summary>
public sealed class GenerateVideo
{
    /// <summary>The orchestrator's name.</summary>
    public const string Name = "GenerateVideo";

    /// <summary>The event that asks the job to cancel.</summary>
    public const string CancelEvent = "cancel";

    /// <summary>The event that notifies the job of its place in flight.</summary>
    public const string PlaceEvent = "place";

    // The event may be lost when a store is restored from a backup: ask again once a day.
    private static readonly TimeSpan LookForAPlaceAfter = TimeSpan.FromDays(1);

    // After this many waits the workflow continues as new from its state: the history to load at a wake-up stays small.
    private const int WaitsPerRun = 40;

    private static readonly Fault DayIsFull = new(
        "", ProblemCode.DailyCapReached, "As many submissions as Pipeline:MaxJobsPerDay allows were made today: this one waits for a day with room (UTC), or for a higher cap.");

    private static readonly TimeSpan AfterABrokenPoll = TimeSpan.FromSeconds(30);

    // Uploads come in any order: the images of a request may arrive a minute after it.
    private static readonly TimeSpan[] ImagesAgainAfter =
        [TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30)];

    // A broken result link often recovers without help: each run fetches the result again.
    private static readonly TimeSpan[] StoreAgainAfter =
        [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30)];

    private readonly IWorkflowContext _context;
    private readonly VideoJob _job;
    private JobState _state;
    private RunMemo _memo;
    private Task _cancelRequested;
    private Task? _called;
    private int _waits;

    private enum Next
    {
        /// <summary>Continue with the next stage.</summary>
        GoOn,

        /// <summary>The job has ended: see its state.</summary>
        End,

        /// <summary>This run ends and the workflow continues as new from the state.</summary>
        Anew,
    }

    private GenerateVideo(IWorkflowContext context, VideoJob job)
    {
        _context = context;
        _job = job;
        _memo = job.RunMemo;
        _state = StatusLimit.Fit(JobState.Initial(job));
        _cancelRequested = job.RunMemo.CancelRequested ? Task.CompletedTask : context.WaitForEventAsync(CancelEvent);
    }

    /// <summary>Runs the workflow.</summary>
    public static Task<JobState> RunAsync(IWorkflowContext context, VideoJob job) => new GenerateVideo(context, job).RunAsync();

    private async Task<JobState> RunAsync()
    {
        // A run that continues another starts with an empty status, and may not change it for long.
        _context.ReportStatus(_state);
        for (var stage = _job.From; stage <= Stage.Store; stage++)
        {
            Next next;
            try
            {
                next = await VisitAsync(stage);
            }
            catch (StepFailedException failure)
            {
                var code = stage is Stage.Store ? ErrorCodes.StorageFailed : ErrorCodes.InternalError;
                next = Fail(code, $"{WhatFailed(failure)} Resume the job when the cause is gone.");
            }
            if (next is Next.Anew)
            {
                _context.ContinueAsNew(
                    _job with { From = stage, State = _state, RunMemo = _memo with { CancelRequested = _cancelRequested.IsCompleted } });
                return _state;
            }
            if (next is Next.End) break;
        }
        await TellAsync();
        _context.ReportStatus(_state);
        return _state;
    }

    private Task<Next> VisitAsync(Stage stage) => stage switch
    {
        Stage.Queue => WaitForATurnAsync(),
        Stage.Validate => ValidateAsync(),
        Stage.Submit => SubmitAsync(),
        Stage.Watch => WatchAsync(),
        Stage.Store => StoreAsync(),
        _ => throw new ArgumentOutOfRangeException(nameof(stage)),
    };

    private async Task<Next> WaitForATurnAsync()
    {
        MoveTo(JobStatus.Accepted);
        if (_job.AwaitsDay && !_memo.HasDay)
        {
            if (await WaitForAsync(Steps.TakeDay, _job.SubmissionKey, DayIsFull) is not Next.GoOn and var ended) return ended;
            _memo = _memo with { HasDay = true };
        }
        return _job.Capped ? await WaitForAsync(Steps.AcquireSlot, _job.Id, null, isCalled: _job.HasPlannedWaits) : Next.GoOn;
    }

    private async Task<Next> WaitForAsync(Step<string, Permit> place, string id, Fault? whatItWaitsFor, bool isCalled = false)
    {
        while (true)
        {
            var turn = await _context.CallAsync(place, id);
            if (turn.Granted)
            {
                Change(s => s with { PendingIssue = null });
                return Next.GoOn;
            }
            Change(s => s with { PendingIssue = whatItWaitsFor });
            if (!_cancelRequested.IsCompleted) await (isCalled ? WaitForTheCallAsync() : SleepAsync(turn.Delay));
            if (_cancelRequested.IsCompleted) return CancelUnpaid();
            if (HistoryIsLong()) return Next.Anew;
        }
    }

    private async Task<Next> ValidateAsync()
    {
        MoveTo(JobStatus.Validating);
        for (var attempt = 0; ; attempt++)
        {
            var check = _context.CallAsync(Steps.Validate, _job.Request.Input);
            if (await Task.WhenAny(check, _cancelRequested) != check) return CancelUnpaid();
            var (faults, mayCome) = await check;
            if (faults.Count == 0)
            {
                Change(s => s with { PendingIssue = null });
                return Next.GoOn;
            }
            if (!mayCome || _job.Upload is null || attempt == ImagesAgainAfter.Length)
            {
                var more = faults.Count > 1 ? $" {faults.Count - 1} more: see the details." : "";
                return Fail(new JobError(faults[0].Code, $"{faults[0].Message}{more}", faults));
            }
            Change(s => s with { PendingIssue = faults[0] });
            await SleepAsync(ImagesAgainAfter[attempt]);
            if (_cancelRequested.IsCompleted) return CancelUnpaid();
        }
    }

    private async Task<Next> SubmitAsync()
    {
        MoveTo(JobStatus.Submitting);
        while (true)
        {
            var cancelRequested = _cancelRequested.IsCompleted;
            if (cancelRequested && !_memo.MayBePaid) return CancelUnpaid();
            var outcome = await _context.CallAsync(
                Steps.Submit, new SubmitInput(_job.Id, _job.SubmissionKey, _job.Request.Input, OnlyAsk: cancelRequested, _state.RefusedIntent, _job.Price, _job.Image));
            if (outcome.RefusedIntent is { } refused) Change(s => s with { RefusedIntent = refused });
            switch (outcome.Result)
            {
                case SubmitResult.Accepted:
                    Change(s => s with
                    {
                        Status = JobStatus.InQueue,
                        Provider = new(outcome.RequestId!),
                        SubmittedAt = outcome.SubmittedAt,
                        Deadline = outcome.Until,
                        PendingIssue = null,
                        ExpectedAt = outcome.ExpectedAt,
                    });
                    if (_job.HasPlannedWaits && outcome.Delay is { } first && !_cancelRequested.IsCompleted) await SleepAsync(UntilDeadline(first));
                    return Next.GoOn;
                case SubmitResult.Failed:
                    return Fail(outcome.Error!);
                case SubmitResult.Retryable or SubmitResult.Unknown:
                    _memo = _memo with
                    {
                        // A wait for one of the owner's own caps has no deadline, and resets that of the provider.
                        SubmitUntil = outcome.Until is { } until ? _memo.SubmitUntil ?? until : null,
                        MayBePaid = outcome.Result is SubmitResult.Unknown,
                    };
                    if (_cancelRequested.IsCompleted && !_memo.MayBePaid) return CancelUnpaid();
                    if (_context.Now >= _memo.SubmitUntil)
                    {
                        return _memo.MayBePaid
                            ? Fail(ErrorCodes.SubmissionInDoubt, $"What came of the submission was not known at the deadline. {outcome.Error!.Message}")
                            : Fail(ErrorCodes.ProviderTimeout, $"RunComfy accepted no submission before the deadline, and nothing was paid. {outcome.Error!.Message}");
                    }
                    Change(s => s with { PendingIssue = new("", outcome.Error!.Code, outcome.Error.Message) });
                    var isInLine = _job.HasPlannedWaits && outcome.Error!.Code is FaultCode.InFlightCapReached && !_cancelRequested.IsCompleted;
                    await (isInLine ? WaitForTheCallAsync() : SleepAsync(outcome.Delay!.Value));
                    if (HistoryIsLong()) return Next.Anew;
                    break;
                default:
                    throw new InvalidOperationException($"Submit ended in {outcome.Result}.");
            }
        }
    }

    private async Task<Next> WatchAsync()
    {
        while (true)
        {
            var requestId = _state.Provider!.RequestId;
            PollOutcome poll;
            try
            {
                poll = await _context.CallAsync(Steps.Poll, new PollInput(
                    _job.Id, requestId, _state.SubmittedAt ?? _job.CreatedAt, _memo.FailedPolls, _memo.NotFoundPolls,
                    _job.Duration, _memo.Seen));
            }
            catch (StepFailedException failure)
            {
                poll = new(
                    PollResult.Unknown, AfterABrokenPoll, PendingIssue: new("", ErrorCodes.InternalError, WhatFailed(failure)), NotFoundPolls: _memo.NotFoundPolls);
            }
            _memo = _memo with
            {
                FailedPolls = poll.Result is PollResult.Unknown ? _memo.FailedPolls + 1 : 0,
                NotFoundPolls = poll.NotFoundPolls,
                Seen = poll.Seen ?? _memo.Seen,
            };
            Take(poll);
            switch (poll.Result)
            {
                case PollResult.Succeeded:
                    return Next.GoOn;
                case PollResult.Failed:
                    return Fail(poll.Error!);
                case PollResult.Cancelled:
                    return EndCancelled();
                default:
                    break;
            }

            if (_cancelRequested.IsCompleted && await CancelAtProviderAsync(requestId)) return EndCancelled();
            if (_context.Now >= _state.Deadline) return await GiveUpAsync(requestId);
            await SleepAsync(UntilDeadline(poll.Delay));
            if (HistoryIsLong()) return Next.Anew;
        }
    }

    private async Task<Next> StoreAsync()
    {
        MoveTo(JobStatus.Storing);
        var hasExpired = true;
        var attempt = _memo.StoreTries;
        for (var runs = 1; ; runs++)
        {
            var isLast = attempt == StoreAgainAfter.Length;
            var outcome = await _context.CallAsync(Steps.Store, new StoreInput(_job.Id, _state.Provider!.RequestId, isLast));
            if (outcome.Files is { } files)
            {
                Change(s => s with
                {
                    Status = JobStatus.Succeeded,
                    Outputs = files,
                    Cost = outcome.Cost ?? s.Cost,
                    PendingIssue = null,
                    Error = null,
                    Warnings = outcome.Warnings is { } more ? [.. s.Warnings, .. more] : s.Warnings,
                });
                return Next.End;
            }
            var error = outcome.Error!;
            // A single "not found" may be a transient fault.
            hasExpired &= error.Code is ErrorCodes.ProviderExpired;
            if (!hasExpired && error.Code is ErrorCodes.ProviderExpired) error = error with { Code = ErrorCodes.VideoUnreachable };
            // A run with progress is not a failed try, and the next one resumes there: a slow transfer may use any number of runs.
            if (outcome.HasProgressed) attempt = 0;
            else if (!outcome.MayRetry || isLast) return Fail(error);
            Change(s => s with { PendingIssue = new("", error.Code, error.Message) });
            await _context.WaitUntilAsync(_context.Now + StoreAgainAfter[attempt], CancellationToken.None);
            if (!outcome.HasProgressed) attempt++;
            if (runs == WaitsPerRun)
            {
                _memo = _memo with { StoreTries = attempt };
                return Next.Anew;
            }
        }
    }

    /// <summary>
    /// Starts one notification for each receiver, and cleans up. The outcome of the job is final by now, whatever fails here.
    /// </summary>
    private async Task TellAsync()
    {
        if (_job.Capped) await AfterTheEndAsync(Steps.ReleaseSlot, _job.Id);
        if (_job.Upload is { } upload && (_state.Error is not null || _job.HasReport))
            await AfterTheEndAsync(Steps.ReportUpload, new UploadFailure(upload, _state.Error, _job.Id, _job.Batch?.Index + 1));
        var end = Notify.EndOf(_job, _state.Provider?.RequestId);
        var input = ReceiversInput.Of(_job, _state);
        var known = FindReceiversStep.OwnOf(input) is { } own ? With([own], _state.Receivers) : _state.Receivers;
        Change(s => s with { Receivers = known });
        // A receiver may ask for the job at once, so it must show its end before. A step lies between this report and the notifications,
        // because Durable on Azure Storage sends the messages of a turn before it stores the turn's status.
        _context.ReportStatus(_state);
        // Known receivers stay listed, even if their subscription has been deleted.
        var receivers = With(await AfterTheEndAsync(Steps.FindReceivers, input) ?? [], known);
        Change(s => s with { Receivers = receivers });
        foreach (var receiver in receivers)
        {
            var notification = new Notification(
                $"msg_{end}", receiver, _job.WithoutSecrets() with { State = null, Warnings = [] }, _state with { Receivers = [receiver] }, _context.Now);
            try
            {
                await _context.StartChildAsync(Notify.Name, receiver.NotificationId, notification);
            }
            catch (StepFailedException)
            {
                // Unlisted, it counts as missing: redeliver starts it.
                Change(s => s with { Receivers = [.. s.Receivers.Where(r => r.NotificationId != receiver.NotificationId)] });
                Warn(ErrorCodes.InternalError, $"The job has ended as it says, and {receiver.Host} could not be notified; the host's log says why. Redeliver when the cause is gone.");
            }
        }
        if (_job.Batch is { } batch) await AfterTheEndAsync(Steps.EndBatchItem, new BatchItemEnd(_job.Id, batch, _job.Run, _state.Status, _job.BaseUrl));
    }

    private static IReadOnlyList<Receiver> With(IReadOnlyList<Receiver> found, IReadOnlyList<Receiver> known) =>
        [.. found, .. known.ExceptBy(found.Select(r => r.NotificationId), r => r.NotificationId)];

    private async Task<TOut?> AfterTheEndAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input)
    {
        try
        {
            return await _context.CallAsync(step, input);
        }
        catch (StepFailedException failure)
        {
            Warn(ErrorCodes.InternalError, $"The job has ended as it says, and this was left undone after it: {WhatFailed(failure)}");
            return default;
        }
    }

    private void Take(PollOutcome poll)
    {
        Change(s => s with
        {
            Status = poll.Result switch
            {
                PollResult.Queued => JobStatus.InQueue,
                PollResult.Running => JobStatus.InProgress,
                _ => s.Status,
            },
            Provider = poll.Result is PollResult.Unknown ? s.Provider : s.Provider! with { Status = poll.Word, QueuePosition = poll.QueuePosition },
            PendingIssue = poll.PendingIssue,
            ExpectedAt = poll.Result is PollResult.Unknown ? s.ExpectedAt : poll.ExpectedAt,
        });
    }

    private async Task<bool> CancelAtProviderAsync(string requestId)
    {
        switch (await AskToCancelAsync(requestId))
        {
            case CancelOutcome.Cancelled:
                return true;
            case CancelOutcome.Refused:
                Warn(FaultCode.CancelRefused, "RunComfy cancels only while a request is queued: this one is being generated or done, so the job goes on.");
                _cancelRequested = _context.WaitForEventAsync(CancelEvent);
                return false;
            case CancelOutcome.NotAsked:
            default:
                return false;
        }
    }

    private async Task<Next> GiveUpAsync(string requestId)
    {
        if (_state.Status is JobStatus.InQueue && await AskToCancelAsync(requestId) is CancelOutcome.Cancelled)
            return Fail(ErrorCodes.ProviderTimeout, "The request was still in RunComfy's queue at the deadline, and was cancelled there.");
        return Fail(
            ErrorCodes.ProviderTimeout,
            "RunComfy had not finished at the deadline. The request is kept, and may be finished yet: resume the job to go on watching it.");
    }

    private async Task<CancelOutcome> AskToCancelAsync(string requestId)
    {
        try
        {
            return await _context.CallAsync(Steps.Cancel, requestId);
        }
        catch (StepFailedException)
        {
            return CancelOutcome.NotAsked;
        }
    }

    private async Task WaitForTheCallAsync()
    {
        _waits++;
        // A wait can't be cancelled, so an open one is used again.
        _called = _called is { IsCompleted: false } ? _called : _context.WaitForEventAsync(PlaceEvent);
        using var stop = new CancellationTokenSource();
        var timer = _context.WaitUntilAsync(_context.Now + LookForAPlaceAfter, stop.Token);
        if (await Task.WhenAny(_called, timer, _cancelRequested) != timer) stop.Cancel();
    }

    private TimeSpan UntilDeadline(TimeSpan delay) => _state.Deadline - _context.Now is { } left && left < delay ? left : delay;

    /// <summary>Sleeps on a durable timer, or until a cancel request comes.</summary>
    private async Task SleepAsync(TimeSpan delay)
    {
        _waits++;
        using var stop = new CancellationTokenSource();
        var timer = _context.WaitUntilAsync(_context.Now + delay, stop.Token);
        // Cancel is pending: do not race its completed task, or the loop never sleeps.
        if (_cancelRequested.IsCompleted) await timer;
        else if (await Task.WhenAny(timer, _cancelRequested) == _cancelRequested) stop.Cancel();
    }

    private bool HistoryIsLong() => _waits >= WaitsPerRun;

    private Next CancelUnpaid()
    {
        Change(s => s with { Status = JobStatus.Cancelled, PendingIssue = null });
        return Next.End;
    }

    private Next EndCancelled()
    {
        Change(s => s with { Status = JobStatus.Cancelled, Provider = s.Provider! with { Status = "cancelled", QueuePosition = null }, PendingIssue = null, ExpectedAt = null });
        return Next.End;
    }

    private Next Fail(string code, string message) => Fail(new JobError(code, message));

    private Next Fail(JobError error)
    {
        Change(s => s with { Status = JobStatus.Failed, Error = error, PendingIssue = null, ExpectedAt = null });
        return Next.End;
    }

    private void Warn(string code, string message)
    {
        var warning = new Fault("", code, message);
        if (!_state.Warnings.Contains(warning)) Change(s => s with { Warnings = [.. s.Warnings, warning] });
    }

    private void MoveTo(JobStatus status) => Change(s => s with { Status = status });

    // The exception's message may contain paths or addresses: it goes to the log, not to the job's owner.
    private static string WhatFailed(StepFailedException failure) => $"The step '{failure.Step}' failed; the host's log says why.";

    private void Change(Func<JobState, JobState> change)
    {
        var changed = change(_state);
        if (changed == _state) return;
        _state = StatusLimit.Fit(changed with { UpdatedAt = _context.Now });
        if (!_state.HasEnded()) _context.ReportStatus(_state);
    }
}
