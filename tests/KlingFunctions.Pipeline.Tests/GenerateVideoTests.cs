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
    public void A_job_goes_from_station_to_station_and_shows_each()
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
    public void Own_webhook_is_notified_though_no_receiver_could_be_looked_for()
    {
        var engine = Engine().On(Steps.Poll, _ => Done);
        engine.On<ReceiversInput, IReadOnlyList<Receiver>>(Steps.FindReceivers, _ => throw new IOException("The store is away."));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New(webhookUrl: "https://own.example.com/?k=s"));
        Assert.Equal((JobStatus.Succeeded, "own.example.com"), (end.Status, Assert.Single(end.Receivers).Host));
        Assert.Equal("ntf_vid_1_0_webhook", Assert.Single(engine.Deeds.OfType<Deed.Started>()).Id);
    }

    [Fact]
    public void Run_that_only_looks_for_receivers_changes_nothing_else()
    {
        var known = new Receiver("sub_old", "old.example.com", "ntf_vid_1_0_sub_old");
        var ended = new JobState { Status = JobStatus.Succeeded, UpdatedAt = SampleJobs.CreatedAt, Outputs = [Video], Receivers = [known] };
        var engine = Engine().On(Steps.FindReceivers, _ => (IReadOnlyList<Receiver>)[new("webhook", "own.example.com", "ntf_vid_1_0_webhook")]);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { From = Station.Notify, State = ended });
        Assert.Equal(["FindReceivers"], Called(engine));
        Assert.Equal([Video], end.Outputs);
        Assert.Equal(["ntf_vid_1_0_webhook", "ntf_vid_1_0_sub_old"], end.Receivers.Select(r => r.NotificationId));
        Assert.All(Reported(engine), s => Assert.Equal(JobStatus.Succeeded, s.Status));
    }

    [Fact]
    public void Job_past_the_days_cap_waits_at_the_POST_without_a_deadline()
    {
        var asked = 0;
        var engine = Engine().On(Steps.Poll, _ => Done);
        engine.On(Steps.Submit, _ => ++asked switch
        {
            1 => new(SubmitResult.NotYet, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromMinutes(1), Error: new("provider_unavailable", "Later.")),
            < 60 => new(SubmitResult.NotYet, Delay: TimeSpan.FromHours(1), Error: new("daily_cap_reached", "Tomorrow.")),
            _ => new SubmitOutcome(SubmitResult.Accepted, RequestId, engine.Now, engine.Now.AddHours(2)),
        });
        Assert.Equal(JobStatus.Succeeded, Run(engine).Status);
        Assert.Contains(Reported(engine), s => s is { Status: JobStatus.Submitting, Attention.Code: "daily_cap_reached" });
    }

    [Fact]
    public void A_run_shows_where_the_job_is_as_soon_as_it_begins_though_nothing_changes()
    {
        var engine = Engine();
        var polls = 0;
        engine.On(Steps.Poll, _ => ++polls < 100 ? Running : Done);
        Run(engine);
        Assert.True(engine.Runs.Count > 2);
        Assert.All(engine.Runs, run => Assert.IsType<Deed.Reported>(run[0]));
        Assert.All(engine.Runs.Skip(1), run => Assert.Equal(JobStatus.InProgress, State((Deed.Reported)run[0]).Status));
    }

    [Theory]
    [InlineData(CancelOutcome.NotAsked)]
    [InlineData(CancelOutcome.Refused)]
    public void The_history_of_a_run_stays_short_however_long_a_job_takes_and_however_a_wish_to_cancel_fares(CancelOutcome cancel)
    {
        var engine = Engine(ScriptedEngine.JustBefore("Poll", 3));
        engine.On(Steps.Poll, _ => Running).On(Steps.Cancel, _ => cancel);
        var end = Run(engine);
        Assert.Equal(ErrorCodes.ProviderTimeout, end.Error!.Code);
        Assert.True(engine.Runs.Count > 10);
        Assert.All(engine.Runs, run => Assert.InRange(run.OfType<Deed.Slept>().Count(), 0, 41));
        Assert.Equal(cancel is CancelOutcome.Refused, end.Warnings.Any(w => w.Code == "cancel_refused"));
        // A wish that could not be passed on yet is not forgotten when the history is cut.
        if (cancel is CancelOutcome.NotAsked) Assert.All(engine.Runs, run => Assert.Contains(run, d => d is Deed.Called { Step: "Cancel" }));
    }

    [Fact]
    public void A_job_is_watched_until_its_deadline_and_no_longer()
    {
        var engine = Engine().On(Steps.Poll, _ => Running);
        var end = Run(engine);
        Assert.Equal((JobStatus.Failed, ErrorCodes.ProviderTimeout), (end.Status, end.Error!.Code));
        Assert.InRange(engine.Now, ScriptedEngine.Start.AddHours(2), ScriptedEngine.Start.AddHours(2).AddSeconds(5));
        Assert.DoesNotContain("Cancel", Called(engine));
        Assert.Equal(RequestId, end.Provider!.RequestId);
    }

    [Fact]
    public void A_request_that_is_still_queued_at_the_deadline_is_cancelled_there()
    {
        var engine = Engine().On(Steps.Poll, _ => Queued).On(Steps.Cancel, _ => CancelOutcome.Cancelled);
        Assert.Equal(ErrorCodes.ProviderTimeout, Run(engine).Error!.Code);
        Assert.Single(Called(engine), "Cancel");
    }

    [Fact]
    public void A_poll_that_breaks_every_time_ends_at_the_deadline_also_after_a_resume()
    {
        var timedOut = SampleJobs.Failed(ErrorCodes.ProviderTimeout, new(RequestId));
        var resumed = Resumption.Of(timedOut, new(), ScriptedEngine.Start.AddHours(2)).Job!;
        var engine = Engine().On<PollInput, PollOutcome>(Steps.Poll, _ => throw new IOException("no disk"));
        var end = engine.Run(GenerateVideo.RunAsync, resumed.Id, resumed);
        Assert.Equal(ErrorCodes.ProviderTimeout, end.Error!.Code);
    }

    [Fact]
    public void Faults_before_paying_end_a_job_unpaid_with_the_first_in_its_error_and_all_in_the_details()
    {
        Fault[] faults = [new("/image_urls/0", FaultCode.ImageTooSmall, "It is small."), new("/image_urls/1", FaultCode.ImageUnreachable, "It is away.")];
        var engine = Engine().On(Steps.Validate, _ => new ImagesChecked(faults));
        var end = Run(engine);
        Assert.Equal((JobStatus.Failed, FaultCode.ImageTooSmall), (end.Status, end.Error!.Code));
        Assert.Equal(faults, end.Error.Details);
        Assert.DoesNotContain("Submit", Called(engine));
    }

    [Fact]
    public void Upload_whose_images_come_after_it_waits_for_them()
    {
        var checks = 0;
        var engine = Engine().On(Steps.Validate, _ => ++checks < 4 ? new ImagesChecked([NotThere], MayCome: true) : new ImagesChecked([]));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Upload = "a/b.json" });
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Contains(Reported(engine), s => s.Attention == NotThere);
        Assert.Single(Called(engine), "Submit");
    }

    [Theory]
    [InlineData("a/b.json", 60)]
    [InlineData(null, 0)]
    public void Job_whose_images_never_come_fails_unpaid(string? upload, int afterSeconds)
    {
        var engine = Engine().On(Steps.Validate, _ => new ImagesChecked([NotThere], MayCome: true));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Upload = upload });
        Assert.Equal((JobStatus.Failed, FaultCode.ImageUnreachable), (end.Status, end.Error!.Code));
        Assert.InRange(engine.Now, ScriptedEngine.Start.AddSeconds(afterSeconds), ScriptedEngine.Start.AddSeconds(afterSeconds + 1));
        Assert.DoesNotContain("Submit", Called(engine));
    }

    [Fact]
    public void Resumed_upload_that_succeeds_loses_its_report()
    {
        var failed = SampleJobs.Failed(ErrorCodes.ProviderTimeout, new(RequestId));
        var resumed = Resumption.Of(failed with { Job = failed.Job with { Upload = "a/b.json" } }, new(), ScriptedEngine.Start.AddHours(2)).Job!;
        var engine = Engine();
        engine.Run(GenerateVideo.RunAsync, resumed.Id, resumed);
        Assert.DoesNotContain("error", Assert.Single(engine.Deeds.OfType<Deed.Called>(), c => c.Step == "ReportUpload").Input, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Validate", 1)]
    [InlineData("Enter", 3)]
    [InlineData("timer", 2)]
    public void A_job_that_is_cancelled_before_its_submission_is_cancelled_at_once_and_unpaid(string before, int time)
    {
        var engine = Engine(ScriptedEngine.JustBefore(before, time));
        var turns = 0;
        engine.On(Steps.Enter, _ => new Turn(++turns > 5, TimeSpan.FromSeconds(5))).On(Steps.Leave, _ => true);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.DoesNotContain("Submit", Called(engine));
        Assert.Single(Called(engine), "Leave");
    }

    [Fact]
    public void A_job_that_waits_for_a_day_with_room_says_so_and_then_takes_one()
    {
        var days = 0;
        var engine = Engine().On(Steps.TakeDay, _ => new Turn(++days == 3, TimeSpan.FromHours(1)));
        engine.On(Steps.Poll, _ => Done);
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true });
        Assert.Equal((JobStatus.Succeeded, null), (end.Status, end.Attention));
        Assert.Equal(3, Called(engine).Count(c => c == "TakeDay"));
        Assert.Contains(Reported(engine), s => s is { Status: JobStatus.Accepted, Attention.Code: "daily_cap_reached" });
    }

    [Fact]
    public void A_job_that_waits_for_a_day_with_room_can_be_cancelled_unpaid()
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer", 2)).On(Steps.TakeDay, _ => new Turn(false, TimeSpan.FromHours(1)));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.DoesNotContain("Submit", Called(engine));
    }

    [Theory]
    [InlineData("TakeDay")]
    [InlineData("Submit")]
    public void A_wish_to_cancel_that_comes_while_it_asks_for_what_it_does_not_get_is_fulfilled_without_a_sleep(string step)
    {
        var engine = Engine(ScriptedEngine.JustBefore(step)).On(Steps.TakeDay, _ => new Turn(step is not "TakeDay", TimeSpan.FromHours(1)));
        engine.On(Steps.Submit, _ => new(SubmitResult.NotYet, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromHours(1), Error: new("provider_unavailable", "Busy.")));
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true });
        Assert.Equal(JobStatus.Cancelled, end.Status);
        Assert.InRange(engine.Now, ScriptedEngine.Start, ScriptedEngine.Start.AddMinutes(1));
    }

    [Fact]
    public void A_job_takes_one_day_however_long_it_then_waits_for_a_place()
    {
        var turns = 0;
        var engine = Engine().On(Steps.TakeDay, _ => new Turn(true, TimeSpan.FromHours(1))).On(Steps.Poll, _ => Done).On(Steps.Leave, _ => true);
        engine.On(Steps.Enter, _ => new Turn(++turns > 100, TimeSpan.FromHours(1)));
        Assert.Equal(JobStatus.Succeeded, engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { AwaitsDay = true, Capped = true }).Status);
        Assert.Single(Called(engine), "TakeDay");
    }

    [Fact]
    public void A_wish_to_cancel_that_comes_while_it_is_being_submitted_is_passed_on_to_the_provider()
    {
        var engine = Engine(ScriptedEngine.JustBefore("Submit")).On(Steps.Poll, _ => Queued).On(Steps.Cancel, _ => CancelOutcome.Cancelled);
        Assert.Equal(JobStatus.Cancelled, Run(engine).Status);
        Assert.Equal(["Validate", "Submit", "Poll", "Cancel", "FindReceivers"], Called(engine));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public void A_job_whose_submission_may_be_under_way_is_not_cancelled_before_that_is_known(int sleep)
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer", sleep));
        var asked = new List<bool>();
        engine.On(Steps.Submit, input =>
        {
            asked.Add(input.OnlyAsk);
            return asked.Count < sleep + 2
                ? new(SubmitResult.Unsettled, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(15), Error: new("provider_unavailable", "?"))
                : Accepted(engine);
        });
        engine.On(Steps.Poll, _ => Queued).On(Steps.Cancel, _ => CancelOutcome.Cancelled);
        var end = Run(engine);
        Assert.Equal((JobStatus.Cancelled, RequestId), (end.Status, end.Provider?.RequestId));
        Assert.Equal([.. Enumerable.Repeat(false, sleep), true, true], asked);
        Assert.Single(Called(engine), "Cancel");
    }

    [Fact]
    public void A_job_that_was_found_never_to_have_been_submitted_is_then_cancelled_unpaid()
    {
        var engine = Engine(ScriptedEngine.JustBefore("timer"));
        engine.On(Steps.Submit, input => new(
            input.OnlyAsk ? SubmitResult.NotYet : SubmitResult.Unsettled, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(15), Error: new("provider_unavailable", "?")));
        var end = Run(engine);
        Assert.Equal((JobStatus.Cancelled, null), (end.Status, end.Provider));
        Assert.Equal(2, Called(engine).Count(s => s == "Submit"));
    }

    [Fact]
    public void A_submission_that_stays_under_way_for_ever_is_in_doubt_at_the_deadline()
    {
        var engine = Engine().On(Steps.Submit, _ => new(
            SubmitResult.Unsettled, Until: ScriptedEngine.Start.AddHours(2), Delay: TimeSpan.FromSeconds(15), Error: new("provider_unavailable", "?")));
        Assert.Equal(ErrorCodes.SubmissionInDoubt, Run(engine).Error!.Code);
    }

    [Fact]
    public void A_provider_that_takes_nothing_is_given_up_at_the_deadline_and_that_can_be_resumed()
    {
        var engine = Engine();
        engine.On(Steps.Submit, _ => new(SubmitResult.NotYet, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(10), Error: new("provider_unavailable", "Busy.")));
        var end = Run(engine);
        Assert.Equal((ErrorCodes.ProviderTimeout, null), (end.Error!.Code, end.Provider));
        Assert.InRange(engine.Now, ScriptedEngine.Start.AddHours(2), ScriptedEngine.Start.AddHours(2).AddSeconds(15));
    }

    [Fact]
    public void How_many_polls_in_a_row_failed_outlives_a_cut_of_the_history()
    {
        var engine = Engine();
        var seen = new List<(int Faults, int Missing)>();
        engine.On(Steps.Poll, input =>
        {
            seen.Add((input.Faults, input.Missing));
            return seen.Count > 100 ? Done : new(PollResult.Unknown, TimeSpan.FromSeconds(30), Missing: input.Missing + 1);
        });
        Run(engine);
        Assert.True(engine.Runs.Count > 2);
        Assert.Equal(Enumerable.Range(0, 101).Select(n => (n, n)), seen);
    }

    [Fact]
    public void A_result_that_can_not_be_kept_is_tried_five_times_more_over_the_better_part_of_an_hour()
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
    public void A_request_has_expired_only_if_it_was_unknown_every_time_that_its_result_was_fetched(int times, string code)
    {
        // Of these two ends a person can resume only the second, and the video is paid for.
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
    public void A_step_that_breaks_for_good_fails_the_job_so_that_it_can_be_resumed_and_tells_nobody_what_it_threw(string step, string code)
    {
        var engine = Engine();
        Break(engine, step, "Access to /srv/secret?sig=s3cr3t was denied");
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true });
        Assert.Equal(code, end.Error!.Code);
        Assert.True(Resumption.IsPossible(code));
        Assert.Contains(step, end.Error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(engine.Deeds.OfType<Deed.Reported>(), r => r.Status.Contains("s3cr3t", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Leave")]
    [InlineData("ReportUpload")]
    [InlineData("FindReceivers")]
    public void A_stored_video_stays_a_success_whatever_breaks_after_it(string step)
    {
        var engine = Engine();
        Break(engine, step, "no disk");
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true, Upload = "a/b.json" });
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Equal(step is not "ReportUpload", end.Warnings.Any(w => w.Code == ErrorCodes.InternalError));
    }

    [Fact]
    public void What_breaks_after_the_end_keeps_nothing_else_from_being_done()
    {
        var engine = Engine(receivers: 2).On(Steps.Validate, _ => new ImagesChecked([new("/image_urls/0", FaultCode.ImageTooSmall, "It is small.")]));
        Break(engine, "Leave", "no disk");
        Break(engine, "ReportUpload", "no disk");
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = true, Upload = "a/b.json" });
        Assert.Equal(FaultCode.ImageTooSmall, end.Error!.Code);
        Assert.Equal(2, engine.Deeds.OfType<Deed.Started>().Count());
    }

    [Fact]
    public void Every_receiver_is_told_by_one_child_of_the_same_happening()
    {
        var engine = Engine(receivers: 3);
        var end = Run(engine);
        var children = engine.Deeds.OfType<Deed.Started>().ToList();
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
    public void Refused_intent_is_handed_on_until_it_is_withdrawn_also_by_a_resume()
    {
        var refusedAt = ScriptedEngine.Start;
        var engine = Engine();
        var handed = new List<DateTimeOffset?>();
        engine.On(Steps.Submit, input =>
        {
            handed.Add(input.RefusedIntent);
            return handed.Count == 1
                ? new(SubmitResult.NotYet, Until: engine.Now.AddHours(2), Delay: TimeSpan.FromSeconds(10), Error: new("provider_unavailable", "Busy."), RefusedIntent: refusedAt)
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
    public void Slow_transfer_takes_as_many_runs_as_it_needs()
    {
        var engine = Engine();
        var runs = 0;
        engine.On(Steps.Store, _ => ++runs <= 200
            ? new(null, new(ErrorCodes.VideoUnreachable, "It goes on."), MayRetry: true, HasProgressed: runs % 3 > 0)
            : new([Video], Warnings: [new("/outputs", FaultCode.OutputNotStored, "The image is too large.")]));
        var end = Run(engine);
        Assert.Equal(JobStatus.Succeeded, end.Status);
        Assert.Contains(end.Warnings, w => w.Code == FaultCode.OutputNotStored);
        Assert.All(engine.Runs, run => Assert.InRange(run.OfType<Deed.Slept>().Count(), 0, 41));
    }

    [Fact]
    public void Webhook_ids_of_a_job_whose_id_comes_again_are_new()
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
        var child = engine.Deeds.OfType<Deed.Started>().Single();
        return (JsonSerializer.Deserialize(child.Input, PipelineJson.Default.Notification)!.MessageId, child.Id);
    }

    [Fact]
    public void A_state_is_never_too_large_for_a_status_of_Durable_Functions()
    {
        var address = $"https://images.example.com/{new string('ü', 4_000)}.png";
        var engine = Engine(receivers: 100).On(Steps.Validate, _ => new ImagesChecked(
            [.. Enumerable.Range(0, 100).Select(i => new Fault($"/image_urls/{i}", FaultCode.ImageTooSmall, $"'{address}' is too small."))]));
        var warnings = Enumerable.Range(0, 100).Select(i => new Fault($"/elements/{i}", FaultCode.RepeatedImage, $"\"{address}\" is there already.")).ToList();
        var end = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Warnings = warnings });
        Assert.Equal(FaultCode.ImageTooSmall, end.Error!.Code);
        Assert.All(engine.Deeds.OfType<Deed.Reported>(), r => Assert.InRange(Encoding.Unicode.GetByteCount(r.Status), 1, 16 * 1024));
        // What was cut is only shown less: all are told.
        Assert.Equal(100, engine.Deeds.OfType<Deed.Started>().Count());
        Assert.NotEmpty(end.Error.Details!);
        Assert.NotEmpty(end.Warnings);
        Assert.NotEmpty(end.Receivers);
    }

    [Fact]
    public void A_state_that_is_small_enough_is_left_as_it_is()
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
            .On(Steps.Enter, _ => new Turn(true, TimeSpan.Zero)).On(Steps.Leave, _ => true)
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
            case "Enter": engine.On<string, Turn>(Steps.Enter, _ => throw failure); break;
            case "Leave": engine.On<string, bool>(Steps.Leave, _ => throw failure); break;
            case "Validate": engine.On<JsonElement, ImagesChecked>(Steps.Validate, _ => throw failure); break;
            case "Submit": engine.On<SubmitInput, SubmitOutcome>(Steps.Submit, _ => throw failure); break;
            case "Store": engine.On<StoreInput, StoreOutcome>(Steps.Store, _ => throw failure); break;
            case "ReportUpload": engine.On<UploadFailure, bool>(Steps.ReportUpload, _ => throw failure); break;
            case "FindReceivers": engine.On<ReceiversInput, IReadOnlyList<Receiver>>(Steps.FindReceivers, _ => throw failure); break;
            default: throw new ArgumentOutOfRangeException(nameof(step));
        }
    }

    private static JobState Run(ScriptedEngine engine) => engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New());

    private static IEnumerable<string> Called(ScriptedEngine engine) => engine.Deeds.OfType<Deed.Called>().Select(c => c.Step);

    private static IEnumerable<JobState> Reported(ScriptedEngine engine) => engine.Deeds.OfType<Deed.Reported>().Select(State);

    private static JobState State(Deed.Reported reported) => JsonSerializer.Deserialize(reported.Status, PipelineJson.Default.JobState)!;
}
