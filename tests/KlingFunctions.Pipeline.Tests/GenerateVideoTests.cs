using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Pipeline.Tests;

public class GenerateVideoTests
{
    private const string RequestId = "req-1";

    private static readonly StoredFile Video = new("video", "video", "video/mp4", 7, new string('a', 64));
    private static readonly PollOutcome Queued = new(PollResult.Queued, TimeSpan.FromSeconds(5), "in_queue", 3);
    private static readonly PollOutcome Running = new(PollResult.Running, TimeSpan.FromSeconds(5), "in_progress");
    private static readonly PollOutcome Done = new(PollResult.Succeeded, TimeSpan.Zero, "completed");

    [Fact]
    public void Job_goes_from_stage_to_stage_and_shows_each()
    {
        var engine = Engine();
        Queue<PollOutcome> polls = new([Queued, Queued with { QueuePosition = 1 }, Running, Done]);
        engine.On(Steps.Poll, _ => polls.Dequeue());
        var end = Run(engine);
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Equal([Video], end.Outputs);
        Assert.Equal(new(RequestId, "completed"), end.Provider);
        Assert.Equal(
            [JobStatus.Accepted, JobStatus.Validating, JobStatus.Submitting, JobStatus.InQueue, JobStatus.InProgress, JobStatus.Storing, JobStatus.Succeeded],
            Reported(engine).Select(s => s.Status).Distinct());
        Assert.Equal(["Validate", "Submit", "Poll", "Poll", "Poll", "Poll", "Store", "FindReceivers"], Called(engine));
    }

    [Fact]
    public void Polls_get_the_duration_of_the_video_and_the_submission_its_price()
    {
        var (polled, submitted) = ((PollInput?)null, (SubmitInput?)null);
        var engine = Engine().On(Steps.Poll, input =>
        {
            polled = input;
            return Done;
        });
        engine.On(Steps.Submit, input =>
        {
            submitted = input;
            return new(SubmitResult.Failed, Error: new(ErrorCodes.ProviderBalance, "No balance."));
        });
        var job = SampleJobs.New() with { Duration = "10", Price = new(1.12m, "USD", Price.PerVideo, "catalogue") };
        engine.Run(GenerateVideo.RunAsync, "vid_1", job);
        engine.Run(GenerateVideo.RunAsync, "vid_2", job with { From = Stage.Watch, State = JobState.Initial(job) with { Provider = new(RequestId) } });
        Assert.Equal((job.Price, job.Duration), (submitted?.Price, polled?.Duration));
    }

    [Fact]
    public void Own_webhook_is_notified_though_the_search_for_receivers_failed()
    {
        var engine = Engine().On(Steps.Poll, _ => Done);
        engine.On<ReceiversInput, IReadOnlyList<Receiver>>(Steps.FindReceivers, _ => throw new IOException("The store is away."));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New(webhookUrl: "https://own.example.com/?k=s"));
        Assert.Equal((JobStatus.Succeeded, "own.example.com"), (end.Status, Assert.Single(end.Receivers).Host));
        Assert.Equal("ntf_vid_1_0_webhook", Assert.Single(engine.Calls.OfType<RecordedCall.Started>()).Id);
    }

    [Fact]
    public void Receiver_that_asks_for_the_job_at_once_finds_its_end()
    {
        var engine = Engine().On(Steps.Poll, _ => Done);
        engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New(webhookUrl: "https://own.example.com/?k=s"));
        // An engine may start what a workflow asks for before it stores the status of the same turn, so a step must lie between them.
        var turnsBefore = engine.Calls.TakeWhile(call => call is not RecordedCall.Started).Reverse().SkipWhile(call => call is not RecordedCall.Called);
        var shown = State(turnsBefore.OfType<RecordedCall.Reported>().First());
        Assert.Equal((JobStatus.Succeeded, "own.example.com"), (shown.Status, Assert.Single(shown.Receivers).Host));
        Assert.Equal([Video], shown.Outputs);
    }

    [Fact]
    public void Run_that_only_finds_receivers_changes_nothing_else()
    {
        var known = new Receiver("sub_old", "old.example.com", "ntf_vid_1_0_sub_old");
        var ended = new JobState { Status = JobStatus.Succeeded, UpdatedAt = SampleJobs.CreatedAt, Outputs = [Video], Receivers = [known] };
        var engine = Engine().On(Steps.FindReceivers, _ => (IReadOnlyList<Receiver>)[new("webhook", "own.example.com", "ntf_vid_1_0_webhook")]);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { From = Stage.Notify, State = ended });
        Assert.Equal(["FindReceivers"], Called(engine));
        Assert.Equal([Video], end.Outputs);
        Assert.Equal(["ntf_vid_1_0_webhook", "ntf_vid_1_0_sub_old"], end.Receivers.Select(r => r.NotificationId));
        Assert.All(Reported(engine), s => Assert.Equal(JobStatus.Succeeded, s.Status));
    }

    [Fact]
    public void Job_past_the_daily_cap_waits_at_the_POST_without_a_deadline()
    {
        var asked = 0;
        var engine = Engine().On(Steps.Poll, _ => Done);
        engine.On(Steps.Submit, _ => ++asked switch
        {
            1 => new(SubmitResult.Retryable, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromMinutes(1), Error: new("provider_unavailable", "Later.")),
            < 60 => new(SubmitResult.Retryable, Delay: TimeSpan.FromHours(1), Error: new("daily_cap_reached", "Tomorrow.")),
            _ => new SubmitOutcome(SubmitResult.Accepted, RequestId, engine.Now, engine.Now.AddHours(2)),
        });
        Assert.Equal(JobStatus.Succeeded, Run(engine).Status);
        Assert.Contains(Reported(engine), s => s is { Status: JobStatus.Submitting, PendingIssue.Code: "daily_cap_reached" });
    }

    [Fact]
    public void Run_reports_the_status_at_its_start_though_nothing_has_changed()
    {
        var engine = Engine();
        var polls = 0;
        engine.On(Steps.Poll, _ => ++polls < 100 ? Running : Done);
        Run(engine);
        Assert.True(engine.Runs.Count > 2);
        Assert.All(engine.Runs, run => Assert.IsType<RecordedCall.Reported>(run[0]));
        Assert.All(engine.Runs.Skip(1), run => Assert.Equal(JobStatus.InProgress, State((RecordedCall.Reported)run[0]).Status));
    }

    [Theory]
    [InlineData(CancelOutcome.NotAsked)]
    [InlineData(CancelOutcome.Refused)]
    public void History_of_a_run_stays_short_in_every_course(CancelOutcome cancellationToken)
    {
        var engine = Engine(ScriptedEngine.JustBefore("Poll", 3));
        engine.On(Steps.Poll, _ => Running).On(Steps.Cancel, _ => cancellationToken);
        var end = Run(engine);
        Assert.Equal(ErrorCodes.ProviderTimeout, end.Error!.Code);
        Assert.True(engine.Runs.Count > 10);
        Assert.All(engine.Runs, run => Assert.InRange(run.OfType<RecordedCall.Slept>().Count(), 0, 41));
        Assert.Equal(cancellationToken is CancelOutcome.Refused, end.Warnings.Any(w => w.Code == "cancel_refused"));
        // A cancel that could not be passed on yet survives continue-as-new.
        if (cancellationToken is CancelOutcome.NotAsked) Assert.All(engine.Runs, run => Assert.Contains(run, d => d is RecordedCall.Called { Step: "Cancel" }));
    }

    [Fact]
    public void Job_is_watched_until_its_deadline_and_no_longer()
    {
        var engine = Engine().On(Steps.Poll, _ => Running);
        var end = Run(engine);
        Assert.Equal((JobStatus.Failed, ErrorCodes.ProviderTimeout), (end.Status, end.Error!.Code));
        Assert.InRange(engine.Now, ScriptedEngine.Start.AddHours(2), ScriptedEngine.Start.AddHours(2).AddSeconds(5));
        Assert.DoesNotContain("Cancel", Called(engine));
        Assert.Equal(RequestId, end.Provider!.RequestId);
    }

    [Fact]
    public void Request_still_queued_at_the_deadline_is_cancelled()
    {
        var engine = Engine().On(Steps.Poll, _ => Queued).On(Steps.Cancel, _ => CancelOutcome.Cancelled);
        Assert.Equal(ErrorCodes.ProviderTimeout, Run(engine).Error!.Code);
        Assert.Single(Called(engine), "Cancel");
    }

    [Fact]
    public void Poll_that_always_throws_ends_at_the_deadline_and_after_a_resume_too()
    {
        var timedOut = SampleJobs.Failed(ErrorCodes.ProviderTimeout, new(RequestId));
        var resumed = Resumption.Of(timedOut, new(), ScriptedEngine.Start.AddHours(2)).Job!;
        var engine = Engine().On<PollInput, PollOutcome>(Steps.Poll, _ => throw new IOException("no disk"));
        var end = engine.Run(GenerateVideo.RunAsync, resumed.Id, resumed);
        Assert.Equal(ErrorCodes.ProviderTimeout, end.Error!.Code);
    }

    [Fact]
    public void Faults_found_before_payment_end_a_job_unpaid_with_all_details()
    {
        Fault[] faults = [new("/image_urls/0", FaultCode.ImageTooSmall, "It is small."), new("/image_urls/1", FaultCode.ImageUnreachable, "It is away.")];
        var engine = Engine().On(Steps.Validate, _ => new ImagesChecked(faults));
        var end = Run(engine);
        Assert.Equal((JobStatus.Failed, FaultCode.ImageTooSmall), (end.Status, end.Error!.Code));
        Assert.Equal(faults, end.Error.Details);
        Assert.DoesNotContain("Submit", Called(engine));
    }

    [Fact]
    public void Upload_waits_for_images_that_arrive_after_it()
    {
        var checks = 0;
        var engine = Engine().On(Steps.Validate, _ => ++checks < 4 ? new ImagesChecked([NotThere], MayCome: true) : new ImagesChecked([]));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Upload = "a/b.json" });
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Contains(Reported(engine), s => s.PendingIssue == NotThere);
        Assert.Single(Called(engine), "Submit");
    }

    [Theory]
    [InlineData("a/b.json", 60)]
    [InlineData(null, 0)]
    public void Job_with_images_that_never_arrive_fails_unpaid(string? upload, int afterSeconds)
    {
        var engine = Engine().On(Steps.Validate, _ => new ImagesChecked([NotThere], MayCome: true));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Upload = upload });
        Assert.Equal((JobStatus.Failed, FaultCode.ImageUnreachable), (end.Status, end.Error!.Code));
        Assert.InRange(engine.Now, ScriptedEngine.Start.AddSeconds(afterSeconds), ScriptedEngine.Start.AddSeconds(afterSeconds + 1));
        Assert.DoesNotContain("Submit", Called(engine));
    }

    [Fact]
    public void Report_of_an_upload_is_deleted_when_a_resume_succeeds()
    {
        var failed = SampleJobs.Failed(ErrorCodes.ProviderTimeout, new(RequestId));
        var resumed = Resumption.Of(failed with { Job = failed.Job with { Upload = "a/b.json" } }, new(), ScriptedEngine.Start.AddHours(2)).Job!;
        var engine = Engine();
        engine.Run(GenerateVideo.RunAsync, resumed.Id, resumed);
        Assert.DoesNotContain("error", Assert.Single(engine.Calls.OfType<RecordedCall.Called>(), c => c.Step == "ReportUpload").Input, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Validate", 1)]
    [InlineData("Enter", 3)]
    [InlineData("timer", 2)]
    public void Job_cancelled_before_its_submission_ends_at_once_unpaid(string before, int time)
    {
        var engine = Engine(ScriptedEngine.JustBefore(before, time));
        var turns = 0;
        engine.On(Steps.AcquireSlot, _ => new Permit(++turns > 5, TimeSpan.FromSeconds(5))).On(Steps.ReleaseSlot, _ => true);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.DoesNotContain("Submit", Called(engine));
        Assert.Single(Called(engine), "Leave");
    }

    [Fact]
    public void Job_without_a_slot_asks_again_when_called_or_after_a_day()
    {
        var engine = Engine();
        var turns = 0;
        engine.On(Steps.AcquireSlot, _ => new Permit(++turns == 3, TimeSpan.FromSeconds(5))).On(Steps.ReleaseSlot, _ => true).On(Steps.Poll, _ => Done);
        var job = SampleJobs.New() with { Capped = true, HasPlannedWaits = true };
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", job);
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.True(end.UpdatedAt - job.CreatedAt >= TimeSpan.FromDays(2));
    }

    [Fact]
    public void Job_cancelled_while_it_waits_for_a_call_is_cancelled_at_once()
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer"));
        engine.On(Steps.AcquireSlot, _ => new Permit(false, TimeSpan.FromSeconds(5))).On(Steps.ReleaseSlot, _ => true);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true, HasPlannedWaits = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.Single(Called(engine), "Leave");
    }

    [Fact]
    public void First_poll_waits_as_the_submission_says_up_to_the_deadline()
    {
        var polls = new List<DateTimeOffset>();
        var engine = Engine();
        engine.On(Steps.Submit, _ => Accepted(engine) with { Delay = TimeSpan.FromMinutes(2) }).On(Steps.Poll, _ =>
        {
            polls.Add(engine.Now);
            return Done;
        });
        engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { HasPlannedWaits = true });
        engine.Run(GenerateVideo.RunAsync, "vid_2", SampleJobs.New("vid_2"));
        Assert.Equal(2, polls.Count);
        Assert.InRange(polls[0] - SampleJobs.New().CreatedAt, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(3));
        Assert.True(polls[1] - polls[0] < TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Job_past_the_daily_cap_says_so_and_runs_the_next_day()
    {
        var days = 0;
        var engine = Engine().On(Steps.TakeDay, _ => new Permit(++days == 3, TimeSpan.FromHours(1)));
        engine.On(Steps.Poll, _ => Done);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true });
        Assert.Equal((JobStatus.Succeeded, null), (end.Status, end.PendingIssue));
        Assert.Equal(3, Called(engine).Count(c => c == "TakeDay"));
        Assert.Contains(Reported(engine), s => s is { Status: JobStatus.Accepted, PendingIssue.Code: "daily_cap_reached" });
    }

    [Fact]
    public void Job_that_waits_for_the_next_day_can_be_cancelled_unpaid()
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer", 2)).On(Steps.TakeDay, _ => new Permit(false, TimeSpan.FromHours(1)));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.DoesNotContain("Submit", Called(engine));
    }

    [Theory]
    [InlineData("TakeDay")]
    [InlineData("Submit")]
    public void Cancel_while_waiting_for_a_slot_is_handled_without_a_sleep(string step)
    {
        var engine = Engine(ScriptedEngine.JustBefore(step)).On(Steps.TakeDay, _ => new Permit(step is not "TakeDay", TimeSpan.FromHours(1)));
        engine.On(Steps.Submit, _ => new(SubmitResult.Retryable, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromHours(1), Error: new("provider_unavailable", "Busy.")));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.InRange(engine.Now, ScriptedEngine.Start, ScriptedEngine.Start.AddMinutes(1));
    }

    [Fact]
    public void Job_counts_for_one_day_however_long_it_waits_for_a_slot()
    {
        var turns = 0;
        var engine = Engine().On(Steps.TakeDay, _ => new Permit(true, TimeSpan.FromHours(1))).On(Steps.Poll, _ => Done).On(Steps.ReleaseSlot, _ => true);
        engine.On(Steps.AcquireSlot, _ => new Permit(++turns > 100, TimeSpan.FromHours(1)));
        Assert.Equal(JobStatus.Succeeded, engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true, Capped = true }).Status);
        Assert.Single(Called(engine), "TakeDay");
    }

    [Fact]
    public void Cancel_during_submission_is_passed_on_to_the_provider()
    {
        var engine = Engine(ScriptedEngine.JustBefore("Submit")).On(Steps.Poll, _ => Queued).On(Steps.Cancel, _ => CancelOutcome.Cancelled);
        Assert.Equal(JobStatus.Cancelled, Run(engine).Status);
        Assert.Equal(["Validate", "Submit", "Poll", "Cancel", "FindReceivers"], Called(engine));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void Job_that_may_be_submitting_is_not_cancelled_until_that_is_known(int sleep)
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer", sleep));
        var asked = new List<bool>();
        engine.On(Steps.Submit, input =>
        {
            asked.Add(input.OnlyAsk);
            return asked.Count < sleep + 2
                ? new(SubmitResult.Unknown, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(15), Error: new("provider_unavailable", "?"))
                : Accepted(engine);
        });
        engine.On(Steps.Poll, _ => Queued).On(Steps.Cancel, _ => CancelOutcome.Cancelled);
        var end = Run(engine);
        Assert.Equal((JobStatus.Cancelled, RequestId), (end.Status, end.Provider?.RequestId));
        Assert.Equal([.. Enumerable.Repeat(false, sleep), true, true], asked);
        Assert.Single(Called(engine), "Cancel");
    }

    [Fact]
    public void Cancelled_job_found_never_submitted_ends_unpaid()
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer"));
        engine.On(Steps.Submit, input => new(
            input.OnlyAsk ? SubmitResult.Retryable : SubmitResult.Unknown, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(15), Error: new("provider_unavailable", "?")));
        var end = Run(engine);
        Assert.Equal((JobStatus.Cancelled, null), (end.Status, end.Provider));
        Assert.Equal(2, Called(engine).Count(s => s == "Submit"));
    }

    [Fact]
    public void Submission_under_way_for_ever_is_in_doubt_at_the_deadline()
    {
        var engine = Engine().On(Steps.Submit, _ => new(
            SubmitResult.Unknown, Until: ScriptedEngine.Start.AddHours(2), Delay: TimeSpan.FromSeconds(15), Error: new("provider_unavailable", "?")));
        Assert.Equal(ErrorCodes.SubmissionInDoubt, Run(engine).Error!.Code);
    }

    [Fact]
    public void Provider_that_accepts_nothing_times_out_and_can_be_resumed()
    {
        var engine = Engine();
        engine.On(Steps.Submit, _ => new(SubmitResult.Retryable, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(10), Error: new("provider_unavailable", "Busy.")));
        var end = Run(engine);
        Assert.Equal((ErrorCodes.ProviderTimeout, null), (end.Error!.Code, end.Provider));
        Assert.InRange(engine.Now, ScriptedEngine.Start.AddHours(2), ScriptedEngine.Start.AddHours(2).AddSeconds(15));
    }

    [Fact]
    public void Count_of_failed_polls_in_a_row_survives_continue_as_new()
    {
        var engine = Engine();
        var seen = new List<(int FailedPolls, int NotFoundPolls)>();
        engine.On(Steps.Poll, input =>
        {
            seen.Add((input.FailedPolls, input.NotFoundPolls));
            return seen.Count > 100 ? Done : new(PollResult.Unknown, TimeSpan.FromSeconds(30), NotFoundPolls: input.NotFoundPolls + 1);
        });
        Run(engine);
        Assert.True(engine.Runs.Count > 2);
        Assert.Equal(Enumerable.Range(0, 101).Select(n => (n, n)), seen);
    }

    [Fact]
    public void Result_that_can_not_be_stored_is_tried_five_more_times()
    {
        var engine = Engine().On(Steps.Store, _ => new(null, new(ErrorCodes.VideoUnreachable, "Gone for now."), MayRetry: true));
        Assert.Equal(ErrorCodes.VideoUnreachable, Run(engine).Error!.Code);
        Assert.Equal(6, Called(engine).Count(s => s == "Store"));
        Assert.InRange(engine.Now - ScriptedEngine.Start, TimeSpan.FromMinutes(40), TimeSpan.FromHours(1));
    }

    [Theory]
    [InlineData(6, ErrorCodes.ProviderExpired)]
    [InlineData(5, ErrorCodes.VideoUnreachable)]
    [InlineData(1, ErrorCodes.VideoUnreachable)]
    public void Request_expires_only_when_unknown_at_every_fetch_of_its_result(int times, string code)
    {
        // Of these two errors, a person can resume only the second, and the video is paid for.
        var calls = 0;
        var engine = Engine().On(Steps.Store, _ => new(
            null, new(calls++ < 6 - times ? ErrorCodes.VideoUnreachable : ErrorCodes.ProviderExpired, "Not there."), MayRetry: true));
        Assert.Equal(code, Run(engine).Error!.Code);
    }

    [Theory]
    [InlineData("Enter", ErrorCodes.InternalError)]
    [InlineData("Validate", ErrorCodes.InternalError)]
    [InlineData("Submit", ErrorCodes.InternalError)]
    [InlineData("Store", ErrorCodes.StorageFailed)]
    public void Step_that_keeps_failing_fails_a_resumable_job_and_hides_its_exception(string step, string code)
    {
        var engine = Engine();
        Break(engine, step, "Access to /srv/secret?sig=s3cr3t was denied");
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true });
        Assert.Equal(code, end.Error!.Code);
        Assert.True(Resumption.IsPossible(code));
        Assert.Contains(step, end.Error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(engine.Calls.OfType<RecordedCall.Reported>(), r => r.Status.Contains("s3cr3t", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Leave")]
    [InlineData("ReportUpload")]
    [InlineData("FindReceivers")]
    public void Stored_video_stays_a_success_whatever_fails_after_it(string step)
    {
        var engine = Engine();
        Break(engine, step, "no disk");
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true, Upload = "a/b.json" });
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Equal(step is not "ReportUpload", end.Warnings.Any(w => w.Code == ErrorCodes.InternalError));
    }

    [Fact]
    public void Failure_after_the_end_stops_no_other_step()
    {
        var engine = Engine(receivers: 2).On(Steps.Validate, _ => new ImagesChecked([new("/image_urls/0", FaultCode.ImageTooSmall, "It is small.")]));
        Break(engine, "Leave", "no disk");
        Break(engine, "ReportUpload", "no disk");
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true, Upload = "a/b.json" });
        Assert.Equal(FaultCode.ImageTooSmall, end.Error!.Code);
        Assert.Equal(2, engine.Calls.OfType<RecordedCall.Started>().Count());
    }

    [Fact]
    public void End_of_a_job_in_a_batch_is_counted_after_its_receivers_are_notified()
    {
        BatchItemEnd? counted = null;
        var engine = Engine(receivers: 1).On(Steps.EndBatchItem, end => (counted = end) is not null);
        engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Batch = new("bat_1", 7) });
        Assert.Equal(new("vid_1", new("bat_1", 7), 0, JobStatus.Succeeded, "https://kling.example.com"), counted);
        Assert.Equal("EndBatchItem", Called(engine).Last());
        Assert.DoesNotContain("EndBatchItem", Called(Ran(Engine())));

        static ScriptedEngine Ran(ScriptedEngine engine)
        {
            Run(engine);
            return engine;
        }
    }

    [Fact]
    public void Each_receiver_has_one_child_workflow_with_the_same_event()
    {
        var engine = Engine(receivers: 3);
        var end = Run(engine);
        var children = engine.Calls.OfType<RecordedCall.Started>().ToList();
        Assert.Equal(end.Receivers.Select(r => r.NotificationId), children.Select(c => c.Id));
        Assert.All(children, c => Assert.Equal(Notify.Name, c.Workflow));
        var notifications = children.Select(c => JsonSerializer.Deserialize(c.Input, PipelineJson.Default.Notification)!).ToList();
        Assert.Equal("msg_vid_1_0", Assert.Single(notifications.Select(n => n.MessageId).Distinct()));
        Assert.Single(notifications.Select(n => Encoding.UTF8.GetString(WebhookBody.Of(n))).Distinct());
    }

    [Fact]
    public void Request_that_was_unknown_for_long_is_stored_when_it_is_known_again()
    {
        var engine = Engine().On(Steps.Poll, _ => new(PollResult.Failed, TimeSpan.Zero, Error: new(ErrorCodes.ProviderExpired, "No such request.")));
        var job = SampleJobs.New();
        var expired = engine.Run(GenerateVideo.RunAsync, job.Id, job);
        Assert.Equal(ErrorCodes.ProviderExpired, expired.Error!.Code);
        var resumed = Resumption.Of(new(job, expired, IsRunning: false, []), new(), engine.Now.AddHours(2)).Job!;
        engine.On(Steps.Poll, _ => Done);
        var end = engine.Run(GenerateVideo.RunAsync, resumed.Id, resumed);
        Assert.Equal((JobStatus.Succeeded, RequestId), (end.Status, end.Provider!.RequestId));
        Assert.Single(Called(engine), "Submit");
    }

    [Fact]
    public void Refused_intent_is_kept_until_it_is_withdrawn_by_a_resume_too()
    {
        var refusedAt = ScriptedEngine.Start;
        var engine = Engine();
        var handed = new List<DateTimeOffset?>();
        engine.On(Steps.Submit, input =>
        {
            handed.Add(input.RefusedIntent);
            return handed.Count == 1
                ? new(SubmitResult.Retryable, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(10), Error: new("provider_unavailable", "Busy."), RefusedIntent: refusedAt)
                : handed.Count == 2 ? new(SubmitResult.Failed, Error: new(ErrorCodes.ProviderBalance, "Empty."))
                : Accepted(engine);
        });
        var job = SampleJobs.New();
        var failed = engine.Run(GenerateVideo.RunAsync, job.Id, job);
        var resumed = Resumption.Of(new(job, failed, IsRunning: false, []), new(), engine.Now.AddHours(2)).Job!;
        Assert.Equal(JobStatus.Succeeded, engine.Run(GenerateVideo.RunAsync, resumed.Id, resumed).Status);
        Assert.Equal([null, refusedAt, refusedAt], handed);
    }

    [Fact]
    public void Stored_video_stays_a_success_though_no_notification_can_be_started()
    {
        var engine = Engine(receivers: 3);
        engine.FailsToStart = id => id.Contains($"sub_{1:D32}", StringComparison.Ordinal);
        var end = Run(engine);
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Equal([$"sub_{0:D32}", $"sub_{2:D32}"], end.Receivers.Select(r => r.Id));
        Assert.Contains("hook-1.westeurope", Assert.Single(end.Warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Slow_transfer_gets_as_many_runs_as_it_needs()
    {
        var engine = Engine();
        var runs = 0;
        engine.On(Steps.Store, _ => ++runs <= 200
            ? new(null, new(ErrorCodes.VideoUnreachable, "It goes on."), MayRetry: true, HasProgressed: runs % 3 > 0)
            : new([Video], Warnings: [new("/outputs", FaultCode.OutputNotStored, "The image is too large.")]));
        var end = Run(engine);
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Contains(end.Warnings, w => w.Code == FaultCode.OutputNotStored);
        Assert.All(engine.Runs, run => Assert.InRange(run.OfType<RecordedCall.Slept>().Count(), 0, 41));
    }

    [Fact]
    public void Reused_job_id_gets_new_webhook_ids()
    {
        var bound = SampleJobs.New() with { HasBoundIds = true };
        VideoJob[] jobs = [bound, bound with { CreatedAt = bound.CreatedAt.AddDays(31) }, bound with { Run = 1 }];
        var ends = jobs.Select(job => EndIds(job, "req-1")).Append(EndIds(bound, "req-2")).ToList();
        Assert.Equal(ends.Count, ends.Select(e => e.Message).Distinct().Count());
        Assert.Equal(ends.Count, ends.Select(e => e.Child).Distinct().Count());
        Assert.All(ends, e => Assert.StartsWith("ntf_vid_1_", e.Child, StringComparison.Ordinal));
        Assert.Equal(EndIds(bound, "req-1"), ends[0]);
    }

    private static (string Message, string Child) EndIds(VideoJob job, string requestId)
    {
        var engine = Engine();
        engine.On(Steps.Submit, _ => Accepted(engine) with { RequestId = requestId });
        engine.On(Steps.FindReceivers, input => [new Receiver("webhook", "example.com", $"ntf_{input.End}_webhook")]);
        engine.Run(GenerateVideo.RunAsync, job.Id, job);
        var child = engine.Calls.OfType<RecordedCall.Started>().Single();
        return (JsonSerializer.Deserialize(child.Input, PipelineJson.Default.Notification)!.MessageId, child.Id);
    }

    [Fact]
    public void State_is_never_too_large_for_a_status_of_Durable_Functions()
    {
        var address = $"https://images.example.com/{new string('ü', 4_000)}.png";
        var engine = Engine(receivers: 100).On(Steps.Validate, _ => new ImagesChecked(
            [.. Enumerable.Range(0, 100).Select(i => new Fault($"/image_urls/{i}", FaultCode.ImageTooSmall, $"'{address}' is too small."))]));
        var warnings = Enumerable.Range(0, 100).Select(i => new Fault($"/elements/{i}", FaultCode.RepeatedImage, $"\"{address}\" is there already.")).ToList();
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Warnings = warnings });
        Assert.Equal(FaultCode.ImageTooSmall, end.Error!.Code);
        Assert.All(engine.Calls.OfType<RecordedCall.Reported>(), r => Assert.InRange(Encoding.Unicode.GetByteCount(r.Status), 1, 16 * 1024));
        // Only the display is shortened: all receivers are notified.
        Assert.Equal(100, engine.Calls.OfType<RecordedCall.Started>().Count());
        Assert.NotEmpty(end.Error.Details!);
        Assert.NotEmpty(end.Warnings);
        Assert.NotEmpty(end.Receivers);
    }

    [Fact]
    public void State_that_is_small_enough_is_unchanged()
    {
        var faults = Enumerable.Range(0, 10).Select(i => new Fault($"/image_urls/{i}", FaultCode.ImageTooSmall, "It is too small: give a larger one.")).ToList();
        var engine = Engine(receivers: 21).On(Steps.Validate, _ => new ImagesChecked(faults));
        var end = Run(engine);
        Assert.Equal(faults, end.Error!.Details);
        Assert.Equal(21, end.Receivers.Count);
    }

    private static readonly Fault NotThere = new("/image_urls/0", FaultCode.ImageUnreachable, "There is no image.");

    private static ScriptedEngine Engine(Func<int, string, bool>? cancelsBefore = null, int receivers = 0)
    {
        var engine = new ScriptedEngine { CancelsBefore = cancelsBefore ?? ((_, _) => false) };
        return engine
            .On(Steps.AcquireSlot, _ => new Permit(true, TimeSpan.Zero)).On(Steps.ReleaseSlot, _ => true)
            .On(Steps.Validate, _ => new ImagesChecked([]))
            .On(Steps.Submit, _ => Accepted(engine))
            .On(Steps.Poll, _ => Done)
            .On(Steps.Cancel, _ => CancelOutcome.Refused)
            .On(Steps.Store, _ => new StoreOutcome([Video]))
            .On(Steps.ReportUpload, _ => true)
            .On(Steps.FindReceivers, input => [.. Enumerable.Range(0, receivers).Select(i =>
                new Receiver($"sub_{i:D32}", $"hook-{i}.westeurope.example.com", $"ntf_{input.JobId}_{input.Run}_sub_{i:D32}"))]);
    }

    private static SubmitOutcome Accepted(ScriptedEngine engine) =>
        new(SubmitResult.Accepted, RequestId, engine.Now, engine.Now.AddHours(2));

    private static void Break(ScriptedEngine engine, string step, string why)
    {
        var failure = new IOException(why);
        switch (step)
        {
            case "Enter": engine.On<string, Permit>(Steps.AcquireSlot, _ => throw failure); break;
            case "Leave": engine.On<string, bool>(Steps.ReleaseSlot, _ => throw failure); break;
            case "Validate": engine.On<JsonElement, ImagesChecked>(Steps.Validate, _ => throw failure); break;
            case "Submit": engine.On<SubmitInput, SubmitOutcome>(Steps.Submit, _ => throw failure); break;
            case "Store": engine.On<StoreInput, StoreOutcome>(Steps.Store, _ => throw failure); break;
            case "ReportUpload": engine.On<UploadFailure, bool>(Steps.ReportUpload, _ => throw failure); break;
            case "FindReceivers": engine.On<ReceiversInput, IReadOnlyList<Receiver>>(Steps.FindReceivers, _ => throw failure); break;
            default: throw new ArgumentOutOfRangeException(nameof(step));
        }
    }

    private static JobState Run(ScriptedEngine engine) => engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New());

    private static IEnumerable<string> Called(ScriptedEngine engine) => engine.Calls.OfType<RecordedCall.Called>().Select(c => c.Step);

    private static IEnumerable<JobState> Reported(ScriptedEngine engine) => engine.Calls.OfType<RecordedCall.Reported>().Select(State);

    private static JobState State(RecordedCall.Reported reported) => JsonSerializer.Deserialize(reported.Status, PipelineJson.Default.JobState)!;
}
