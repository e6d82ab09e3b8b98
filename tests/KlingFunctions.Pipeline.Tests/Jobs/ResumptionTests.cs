using System.Reflection;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public class ResumptionTests
{
    private static readonly DateTimeOffset Deadline = SampleJobs.CreatedAt.AddHours(5);
    private static readonly ProviderState Paid = new("req-1", "completed");

    /// <summary>The effect of <c>resume</c> for each code: the design's table. A submitted job continues with the paid request.</summary>
    public static readonly TheoryData<string, bool, Stage?> Table = new()
    {
        { ErrorCodes.InvalidRequest, false, null },
        { FaultCode.ImageUnreachable, false, Stage.Queue },
        { FaultCode.ImageNotAnImage, false, Stage.Queue },
        { FaultCode.ImageTooLarge, false, Stage.Queue },
        { FaultCode.ImageTooSmall, false, Stage.Queue },
        { FaultCode.ImageBadAspect, false, Stage.Queue },
        { ErrorCodes.ProviderRejected, false, null },
        { ErrorCodes.ProviderAuth, false, Stage.Queue },
        { ErrorCodes.ProviderBalance, false, Stage.Queue },
        { ErrorCodes.SubmissionInDoubt, false, null },
        { ErrorCodes.ProviderFailed, true, null },
        { ErrorCodes.ProviderExpired, true, Stage.Watch },
        { ErrorCodes.ProviderTimeout, true, Stage.Watch },
        { ErrorCodes.ProviderTimeout, false, Stage.Queue },
        { ErrorCodes.VideoMissing, true, Stage.Store },
        { ErrorCodes.VideoUnreachable, true, Stage.Store },
        { ErrorCodes.VideoInvalid, true, Stage.Store },
        { ErrorCodes.VideoTooLarge, true, Stage.Store },
        { ErrorCodes.VideoHostRefused, true, Stage.Store },
        { ErrorCodes.StorageFailed, true, Stage.Store },
        { ErrorCodes.InternalError, true, Stage.Watch },
        { ErrorCodes.InternalError, false, Stage.Queue },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Failed_job_continues_as_its_code_demands(string code, bool paid, Stage? from)
    {
        var failed = SampleJobs.Failed(code, paid ? Paid : null);
        var (job, refusal) = Resumption.Of(failed, new(), Deadline);
        Assert.Equal(from, job?.From);
        Assert.Equal(from is null, refusal is not null);
        if (job is null) return;
        Assert.Equal((failed.Job.Id, failed.Job.SubmissionKey, 1), (job.Id, job.SubmissionKey, job.Run));
        Assert.Equal((null, null, failed.State.Provider), (job.State!.Error, job.State.PendingIssue, job.State.Provider));
        Assert.False(job.State.HasEnded());
        Assert.Equal(from is Stage.Watch ? Deadline : null, job.State.Deadline);
    }

    [Fact]
    public void Every_code_with_which_a_job_can_fail_is_in_the_table() =>
        Assert.Equal(
            typeof(ErrorCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!)
                .Concat(typeof(FaultCode).GetFields().Select(f => (string)f.GetRawConstantValue()!).Where(c => c.StartsWith("image_", StringComparison.Ordinal)))
                .Order(StringComparer.Ordinal),
            Table.Select(row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Table))]
    public void Resumable_codes_are_those_for_which_a_resume_has_an_effect(string code, bool paid, Stage? from)
    {
        _ = paid;
        Assert.Equal(from is not null || code is ErrorCodes.SubmissionInDoubt, Resumption.IsPossible(code));
    }

    [Fact]
    public void Job_in_doubt_watches_the_found_request()
    {
        var job = Resumption.Of(SampleJobs.Failed(ErrorCodes.SubmissionInDoubt), new("req-9"), Deadline).Job!;
        Assert.Equal((Stage.Watch, new ProviderState("req-9"), Deadline), (job.From, job.State!.Provider, job.State.Deadline));
        Assert.Equal("vid_1", job.SubmissionKey);
    }

    [Fact]
    public void Found_request_counts_from_its_submission_or_else_from_the_failure()
    {
        var failed = SampleJobs.Failed(ErrorCodes.SubmissionInDoubt);
        var submitted = failed with { State = failed.State with { SubmittedAt = SampleJobs.CreatedAt.AddMinutes(1) } };
        Assert.Equal(failed.State.UpdatedAt, Resumption.Of(failed, new("req-9"), Deadline).Job!.State!.SubmittedAt);
        Assert.Equal(SampleJobs.CreatedAt.AddMinutes(1), Resumption.Of(submitted, new("req-9"), Deadline).Job!.State!.SubmittedAt);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("uploads/a.json")]
    public void Resumed_job_of_an_old_version_gets_the_rules_of_today(string? upload)
    {
        var failed = SampleJobs.Failed(ErrorCodes.ProviderTimeout, Paid);
        var job = Resumption.Of(failed with { Job = failed.Job with { Upload = upload } }, new(), Deadline).Job!;
        Assert.Equal((true, true, upload is not null), (job.HasBoundIds, job.HasPlannedWaits, job.HasReport));
    }

    [Fact]
    public void Job_in_doubt_is_resubmitted_under_another_key_each_time()
    {
        var failed = SampleJobs.Failed(ErrorCodes.SubmissionInDoubt);
        var first = Resumption.Of(failed, new(Resubmit: true), Deadline).Job!;
        var second = Resumption.Of(failed with { Job = first }, new(Resubmit: true), Deadline).Job!;
        Assert.Equal(Stage.Queue, first.From);
        Assert.Equal(("vid_1", "vid_1.1", "vid_1.2"), (failed.Job.SubmissionKey, first.SubmissionKey, second.SubmissionKey));
    }

    [Theory]
    [InlineData(ErrorCodes.SubmissionInDoubt, "req-9", true)]
    [InlineData(ErrorCodes.ProviderTimeout, "req-9", false)]
    [InlineData(ErrorCodes.ProviderAuth, null, true)]
    public void Unfitting_decision_is_refused(string code, string? requestId, bool resubmit) =>
        Assert.Null(Resumption.Of(SampleJobs.Failed(code), new(requestId, resubmit), Deadline).Job);

    [Theory]
    [InlineData(true, Stage.Store)]
    [InlineData(false, Stage.Watch)]
    public void Job_reported_as_failed_continues_where_its_video_is_found(bool isFinished, Stage from)
    {
        var found = isFinished ? Found.Finished : Found.Running;
        var job = Resumption.Of(SampleJobs.Failed(ErrorCodes.ProviderFailed, Paid), new(), Deadline, found).Job!;
        Assert.Equal((from, Paid), (job.From, job.State!.Provider));
    }

    [Fact]
    public void Found_video_is_not_submitted_anew() =>
        Assert.Null(Resumption.Of(SampleJobs.Failed(ErrorCodes.ProviderFailed, Paid), new(Resubmit: true), Deadline, Found.Finished).Job);

    [Theory]
    [InlineData(ErrorCodes.ProviderExpired)]
    [InlineData(ErrorCodes.ProviderFailed)]
    [InlineData(ErrorCodes.ProviderTimeout)]
    public void Wrong_request_id_is_replaced_by_another(string code)
    {
        var job = Resumption.Of(SampleJobs.Failed(code, Paid), new("req-2"), Deadline).Job!;
        Assert.Equal((Stage.Watch, "req-2"), (job.From, job.State!.Provider!.RequestId));
    }

    [Fact]
    public void Running_job_is_not_resumed() =>
        Assert.Contains(
            "is running", Resumption.Of(new(SampleJobs.New(), JobState.Initial(SampleJobs.New()), IsRunning: true, []), new(), Deadline).Refusal!, StringComparison.Ordinal);

    [Fact]
    public void Job_that_still_starts_its_notifications_is_resumed_later() =>
        Assert.Contains(
            "in a minute", Resumption.Of(SampleJobs.Failed(ErrorCodes.ProviderAuth) with { IsRunning = true }, new(), Deadline).Refusal!, StringComparison.Ordinal);

    [Theory]
    [InlineData(JobStatus.Succeeded, "has succeeded")]
    [InlineData(JobStatus.Cancelled, "has been cancelled")]
    public void Job_that_ended_otherwise_is_refused_with_its_end(JobStatus status, string end)
    {
        var (job, refusal) = Resumption.Of(SampleJobs.Ended(SampleJobs.New(), status), new(), Deadline);
        Assert.Null(job);
        Assert.Contains(end, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Resume_clears_counters_and_late_warnings_but_not_the_first_ones()
    {
        Fault unused = new("/elements/0", FaultCode.UnusedReference, "Unused."), refused = new("", FaultCode.CancelRefused, "No.");
        var failed = SampleJobs.Failed(ErrorCodes.ProviderTimeout, Paid);
        failed = failed with
        {
            Job = failed.Job with { RunMemo = new(FailedPolls: 7, CancelRequested: true) },
            State = failed.State with { Warnings = [unused, refused], Receivers = [new("webhook", "example.com", "ntf_1")] },
        };
        var job = Resumption.Of(failed, new(), Deadline).Job!;
        Assert.Equal(new(), job.RunMemo);
        Assert.Equal([unused], job.State!.Warnings);
        Assert.Empty(job.State.Receivers);
    }
}
