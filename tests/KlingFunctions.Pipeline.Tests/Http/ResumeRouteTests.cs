using System.Net;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.RunComfy;

namespace KlingFunctions.Pipeline.Tests.Http;

public class ResumeRouteTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Found_request_is_watched_and_is_in_the_ledger()
    {
        await using var app = await InDoubtAsync();
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, """{"request_id":"req-9"}"""));
        Assert.Equal((Stage.Watch, "req-9"), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].Job.State!.Provider!.RequestId));
        Assert.Equal("req-9", app.Ledger.Entries["vid_1"].RequestId);
    }

    [Fact]
    public async Task Second_resume_does_not_change_the_ledger()
    {
        await using var app = await InDoubtAsync();
        app.Jobs.LosesResumes = true;
        Assert.Equal(HttpStatusCode.Conflict, await ResumeAsync(app, """{"request_id":"req-9"}"""));
        Assert.Null(app.Ledger.Entries["vid_1"].RequestId);
    }

    [Fact]
    public async Task One_of_many_simultaneous_resumes_wins_and_the_ledger_has_its_request()
    {
        await using var app = await InDoubtAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => ResumeAsync(app, $$"""{"request_id":"req-{{i}}"}""")));
        Assert.Single(answers, HttpStatusCode.Accepted);
        Assert.Equal(15, answers.Count(a => a is HttpStatusCode.Conflict));
        Assert.Equal(app.Jobs["vid_1"].Job.State!.Provider!.RequestId, app.Ledger.Entries["vid_1"].RequestId);
    }

    [Fact]
    public async Task Request_id_unknown_to_the_provider_is_refused_and_not_recorded()
    {
        await using var app = await InDoubtAsync(StubHandler.Answering(404, """{"error_code":404001}"""));
        Assert.Equal(HttpStatusCode.BadRequest, await ResumeAsync(app, """{"request_id":"req-9"}"""));
        Assert.Null(app.Ledger.Entries["vid_1"].RequestId);
        Assert.False(app.Jobs["vid_1"].IsRunning);
    }

    [Fact]
    public async Task Unreachable_provider_prevents_no_resume()
    {
        await using var app = await InDoubtAsync(StubHandler.Answering(502, "<html>"));
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, """{"request_id":"req-9"}"""));
    }

    [Fact]
    public async Task Late_answer_in_the_ledger_resolves_the_doubt()
    {
        await using var app = await InDoubtAsync(StubHandler.Answering(404, """{"error_code":404001}"""));
        await app.Ledger.RecordAsync("vid_1", "req-late", SampleJobs.CreatedAt, Ct);
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, null));
        Assert.Equal((Stage.Watch, "req-late"), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].Job.State!.Provider!.RequestId));
    }

    [Fact]
    public async Task Resubmission_after_a_late_answer_watches_the_paid_request()
    {
        await using var app = await InDoubtAsync();
        await app.Ledger.RecordAsync("vid_1", "req-late", SampleJobs.CreatedAt, Ct);
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, """{"resubmit":true}"""));
        Assert.Equal((Stage.Watch, "req-late"), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].Job.State!.Provider!.RequestId));
    }

    [Fact]
    public async Task Resumed_watch_has_a_new_deadline()
    {
        await using var app = await TestApp.StartAsync(settings: ("Pipeline:Deadline", "05:00:00"));
        app.Jobs.Put(SampleJobs.Failed(ErrorCodes.ProviderTimeout, new("req-1")));
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, null));
        Assert.Equal(SampleJobs.CreatedAt.AddHours(5), app.Jobs["vid_1"].State.Deadline);
    }

    [Fact]
    public async Task Job_about_to_be_deleted_is_not_resumed()
    {
        await using var app = await InDoubtAsync();
        app.Time.Advance(TimeSpan.FromDays(30));
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, """{"request_id":"req-9"}"""));
        app.Jobs.Put(SampleJobs.Failed(ErrorCodes.SubmissionInDoubt));
        app.Time.Advance(TimeSpan.FromMinutes(3));
        Assert.Equal(HttpStatusCode.Conflict, await ResumeAsync(app, """{"resubmit":true}"""));
        Assert.False(app.Jobs["vid_1"].IsRunning);
    }

    [Theory]
    [InlineData(JobStatus.Failed, """{"status":"completed","output":{"video":"https://h/v.mp4"}}""", HttpStatusCode.Accepted)]
    [InlineData(JobStatus.Cancelled, """{"status":"completed","output":{"video":"https://h/v.mp4"}}""", HttpStatusCode.Accepted)]
    [InlineData(JobStatus.Failed, """{"status":"in_progress"}""", HttpStatusCode.Accepted)]
    [InlineData(JobStatus.Failed, """{"status":"failed","error":"NSFW"}""", HttpStatusCode.Conflict)]
    [InlineData(JobStatus.Failed, """{"error_code":404001}""", HttpStatusCode.Conflict)]
    [InlineData(JobStatus.Cancelled, """{"status":"cancelled"}""", HttpStatusCode.Conflict)]
    public async Task Job_that_failed_or_was_cancelled_at_the_provider_continues_if_the_provider_has_it_after_all(JobStatus status, string result, HttpStatusCode expected)
    {
        await using var app = await TestApp.StartAsync(StubHandler.Answering(200, result));
        app.Jobs.Put(SampleJobs.Ended(
            SampleJobs.New(), status, status is JobStatus.Failed ? new(ErrorCodes.ProviderFailed, "It did not work.") : null, new("req-1")));
        Assert.Equal(expected, await ResumeAsync(app, null));
        var stage = result.Contains("completed", StringComparison.Ordinal) ? Stage.Store : Stage.Watch;
        if (expected is HttpStatusCode.Accepted) Assert.Equal((stage, "req-1"), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].Job.State!.Provider!.RequestId));
    }

    [Theory]
    [InlineData(true, HttpStatusCode.Accepted)]
    [InlineData(false, HttpStatusCode.Conflict)]
    public async Task Resume_of_a_job_that_has_just_ended_waits_for_its_workflow(bool settles, HttpStatusCode expected)
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Settles = settles;
        app.Jobs.Put(SampleJobs.Failed(ErrorCodes.ProviderAuth) with { IsRunning = true });
        Assert.Equal(expected, await ResumeAsync(app, null));
        Assert.Equal(settles ? JobStatus.Accepted : JobStatus.Failed, app.Jobs["vid_1"].State.Status);
    }

    [Fact]
    public async Task Job_that_was_cancelled_before_its_submission_stays_cancelled()
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Put(SampleJobs.Ended(SampleJobs.New(), JobStatus.Cancelled));
        Assert.Equal(HttpStatusCode.Conflict, await ResumeAsync(app, null));
    }

    [Theory]
    [InlineData(ErrorCodes.ProviderExpired)]
    [InlineData(ErrorCodes.ProviderFailed)]
    [InlineData(ErrorCodes.ProviderTimeout)]
    public async Task Wrong_request_id_of_an_earlier_resume_can_be_corrected(string code)
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Put(SampleJobs.Failed(code, new("req-mistyped")));
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, """{"request_id":"req-9"}"""));
        Assert.Equal((Stage.Watch, "req-9"), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].Job.State!.Provider!.RequestId));
        Assert.Equal("req-9", app.Ledger.Entries["vid_1"].RequestId);
    }

    [Fact]
    public async Task Request_of_another_account_is_refused()
    {
        await using var app = await InDoubtAsync(StubHandler.Answering(403, """{"error_code":403001,"error_message":"not yours"}"""));
        Assert.Equal(HttpStatusCode.BadRequest, await ResumeAsync(app, """{"request_id":"req-9"}"""));
        Assert.False(app.Jobs["vid_1"].IsRunning);
    }

    [Theory]
    [InlineData(false, HttpStatusCode.Accepted)]
    [InlineData(true, HttpStatusCode.Conflict)]
    public async Task Video_that_is_missing_from_the_store_is_fetched_again(bool isStored, HttpStatusCode expected)
    {
        await using var app = await TestApp.StartAsync();
        var video = new StoredFile("video", "video", "video/mp4", 3, new('a', 64), "req-1");
        if (isStored) app.Videos.Put("vid_1", new(video, Link: null, app.FileOf([1, 2, 3]), SampleJobs.CreatedAt));
        var job = SampleJobs.Ended(SampleJobs.New(), JobStatus.Succeeded, provider: new("req-1"));
        app.Jobs.Put(job with { State = job.State with { Outputs = [video with { RequestId = null }] } });
        Assert.Equal(expected, await ResumeAsync(app, null));
        if (!isStored) Assert.Equal((Stage.Store, JobStatus.Storing), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].State.Status));
    }

    [Theory]
    [InlineData("vid_1~2")]
    [InlineData("vid_1~3")]
    [InlineData("vid_1.1")]
    [InlineData("vid_1.1~2")]
    public async Task Late_answer_under_any_key_of_the_job_resolves_the_doubt(string key)
    {
        await using var app = await InDoubtAsync();
        var failed = app.Jobs["vid_1"];
        app.Jobs.Put(failed with { Job = failed.Job with { Run = 2, SubmissionKey = "vid_1.2" } });
        await app.Ledger.RecordAsync(key, "req-late", SampleJobs.CreatedAt, Ct);
        Assert.Equal(HttpStatusCode.Accepted, await ResumeAsync(app, """{"resubmit":true}"""));
        Assert.Equal((Stage.Watch, "req-late"), (app.Jobs["vid_1"].Job.From, app.Jobs["vid_1"].Job.State!.Provider!.RequestId));
    }

    [Theory]
    [InlineData("""{"request_id":""}""")]
    [InlineData("""{"request_id":"../../balance"}""")]
    [InlineData("""{"request_id":7}""")]
    [InlineData("""{"resubmit":"yes"}""")]
    [InlineData("[]")]
    public async Task Body_without_a_decision_is_refused(string body)
    {
        await using var app = await InDoubtAsync();
        Assert.Equal(HttpStatusCode.BadRequest, await ResumeAsync(app, body));
    }

    private static async Task<TestApp> InDoubtAsync(StubHandler? provider = null)
    {
        var app = await TestApp.StartAsync(provider);
        app.Jobs.Put(SampleJobs.Failed(ErrorCodes.SubmissionInDoubt));
        await app.Ledger.TryIntendAsync("vid_1", SampleJobs.CreatedAt, Ct);
        return app;
    }

    private static async Task<HttpStatusCode> ResumeAsync(TestApp app, string? body)
    {
        using var content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await app.Http.PostAsync(new Uri("/api/videos/vid_1/resume", UriKind.Relative), content, Ct);
        return answer.StatusCode;
    }
}
