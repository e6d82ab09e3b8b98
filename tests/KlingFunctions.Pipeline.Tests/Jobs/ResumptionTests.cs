using System.Reflection;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public class ResumptionTests
{
    private static readonly DateTimeOffset Deadline = SampleJobs.CreatedAt.AddHours(5);
    private static readonly ProviderState Paid = new("req-1", "completed");

    /// <summary>What <c>resume</c> does after each code: the design's table. A job that was submitted goes on with what was paid for.</summary>
    public static readonly TheoryData<string, bool, Station?> Table = new()
    {
        { ErrorCodes.InvalidRequest, false, null },
        { FaultCode.ImageUnreachable, false, Station.Queue },
        { FaultCode.ImageNotAnImage, false, Station.Queue },
        { FaultCode.ImageTooLarge, false, Station.Queue },
        { FaultCode.ImageTooSmall, false, Station.Queue },
        { FaultCode.ImageBadAspect, false, Station.Queue },
        { ErrorCodes.ProviderRejected, false, null },
        { ErrorCodes.ProviderAuth, false, Station.Queue },
        { ErrorCodes.ProviderBalance, false, Station.Queue },
        { ErrorCodes.SubmissionInDoubt, false, null },
        { ErrorCodes.ProviderFailed, true, null },
        { ErrorCodes.ProviderExpired, true, Station.Watch },
        { ErrorCodes.ProviderTimeout, true, Station.Watch },
        { ErrorCodes.ProviderTimeout, false, Station.Queue },
        { ErrorCodes.VideoMissing, true, Station.Store },
        { ErrorCodes.VideoUnreachable, true, Station.Store },
        { ErrorCodes.VideoInvalid, true, Station.Store },
        { ErrorCodes.VideoTooLarge, true, Station.Store },
        { ErrorCodes.VideoHostRefused, true, Station.Store },
        { ErrorCodes.StorageFailed, true, Station.Store },
        { ErrorCodes.InternalError, true, Station.Watch },
        { ErrorCodes.InternalError, false, Station.Queue },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void A_failed_job_goes_on_as_its_code_demands(string code, bool paid, Station? from)
    {
        var failed = SampleJobs.Failed(code, paid ? Paid : null);
        var (job, refusal) = Resumption.Of(failed, new(), Deadline);
        Assert.Equal(from, job?.From);
        Assert.Equal(from is null, refusal is not null);
        if (job is null) return;
        Assert.Equal((failed.Job.Id, failed.Job.SubmissionKey, 1), (job.Id, job.SubmissionKey, job.Run));
        Assert.Equal((null, null, failed.State.Provider), (job.State!.Error, job.State.Attention, job.State.Provider));
        Assert.False(job.State.HasEnded());
        Assert.Equal(from is Station.Watch ? Deadline : null, job.State.Deadline);
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
    public void Whether_a_code_can_be_resumed_at_all_agrees_with_what_resuming_does(string code, bool paid, Station? from)
    {
        _ = paid;
        Assert.Equal(from is not null || code is ErrorCodes.SubmissionInDoubt, Resumption.IsPossible(code));
    }

    [Fact]
    public void A_job_in_doubt_watches_the_request_that_was_found()
    {
        var job = Resumption.Of(SampleJobs.Failed(ErrorCodes.SubmissionInDoubt), new("req-9"), Deadline).Job!;
        Assert.Equal((Station.Watch, new ProviderState("req-9"), Deadline), (job.From, job.State!.Provider, job.State.Deadline));
        Assert.Equal("vid_1", job.SubmissionKey);
        Assert.NotNull(job.State.SubmittedAt);
    }

    [Fact]
    public void A_job_in_doubt_is_submitted_anew_under_another_key_each_time()
    {
        var failed = SampleJobs.Failed(ErrorCodes.SubmissionInDoubt);
        var first = Resumption.Of(failed, new(Resubmit: true), Deadline).Job!;
        var second = Resumption.Of(failed with { Job = first }, new(Resubmit: true), Deadline).Job!;
        Assert.Equal(Station.Queue, first.From);
        Assert.Equal(3, new[] { failed.Job.SubmissionKey, first.SubmissionKey, second.SubmissionKey }.Distinct().Count());
    }

    [Theory]
    [InlineData(ErrorCodes.SubmissionInDoubt, "req-9", true)]
    [InlineData(ErrorCodes.ProviderTimeout, "req-9", false)]
    [InlineData(ErrorCodes.ProviderAuth, null, true)]
    public void A_wish_that_does_not_fit_is_refused(string code, string? requestId, bool resubmit) =>
        Assert.Null(Resumption.Of(SampleJobs.Failed(code), new(requestId, resubmit), Deadline).Job);

    [Fact]
    public void Only_a_failed_job_that_does_not_run_is_resumed()
    {
        Assert.Null(Resumption.Of(SampleJobs.Failed(ErrorCodes.ProviderAuth) with { IsRunning = true }, new(), Deadline).Job);
        Assert.Null(Resumption.Of(SampleJobs.Ended(SampleJobs.New(), JobStatus.Succeeded), new(), Deadline).Job);
        Assert.Null(Resumption.Of(SampleJobs.Ended(SampleJobs.New(), JobStatus.Cancelled), new(), Deadline).Job);
    }

    [Fact]
    public void What_was_counted_and_warned_of_on_the_way_is_forgotten_and_what_was_warned_of_at_the_start_is_not()
    {
        Fault unused = new("/elements/0", FaultCode.UnusedReference, "Unused."), refused = new("", FaultCode.CancelRefused, "No.");
        var failed = SampleJobs.Failed(ErrorCodes.ProviderTimeout, Paid);
        failed = failed with
        {
            Job = failed.Job with { Carried = new(Faults: 7, CancelWished: true) },
            State = failed.State with { Warnings = [unused, refused], Receivers = [new("webhook", "example.com", "ntf_1")] },
        };
        var job = Resumption.Of(failed, new(), Deadline).Job!;
        Assert.Equal(new(), job.Carried);
        Assert.Equal([unused], job.State!.Warnings);
        Assert.Empty(job.State.Receivers);
    }
}
