using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Uploads;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests;

public sealed class OldJobsTests : IDisposable
{
    private static readonly NotificationState Pending = new("ntf_1", "hooks.example.com", DeliveryState.Pending, 3);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly FakeJobs _jobs = new();
    private readonly InMemoryLedger _ledger = new();
    private readonly InMemoryDocuments _documents = new();
    private readonly Quota _quota;
    private readonly InMemoryUploads _uploads = new();
    private readonly PipelineOptions _options = new();
    private readonly FakeTimeProvider _time = new(SampleJobs.CreatedAt);

    public OldJobsTests() => _quota = new(_documents, TimeProvider.System);

    private DeadLetters Letters => new(_documents, NullLogger<DeadLetters>.Instance);

    public void Dispose() => _quota.Dispose();

    [Fact]
    public async Task Old_ended_job_is_deleted_with_its_submissions()
    {
        await PutAsync("vid_a");
        await PutAsync("vid_b");
        _time.Advance(_options.KeepFor);
        Assert.Equal(0, await ForgetAsync());
        _time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(2, await ForgetAsync());
        Assert.Empty(_jobs.Ids);
        Assert.Empty(_ledger.Entries);
        Assert.Equal(0, await ForgetAsync());
    }

    [Fact]
    public async Task Running_jobs_and_pending_notifications_are_not_deleted()
    {
        _jobs.Put(new(SampleJobs.New("vid_a"), JobState.Initial(SampleJobs.New("vid_a")), IsRunning: true, []));
        _jobs.Put(SampleJobs.Ended(SampleJobs.New("vid_b"), JobStatus.Succeeded) with { Notifications = [Pending] });
        _time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(0, await ForgetAsync());
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Batch_is_deleted_with_its_first_job_once_all_have_ended(bool hasEnded)
    {
        var (batches, id) = (new Batches(_documents, _time), Batches.NewId());
        await batches.OpenAsync(id, "f", 2, Cancel);
        await batches.CloseAsync(id, [0, 1], Cancel);
        await batches.EndAsync("vid_a", new(id, 0), 0, JobStatus.Succeeded, Cancel);
        if (hasEnded) await batches.EndAsync("vid_b", new(id, 1), 0, JobStatus.Failed, Cancel);
        await _jobs.NotifyAsync(new("msg_1", new("sub_1", "hooks.example.com", "ntf_1"), null, null, _time.GetUtcNow(), (await batches.FindAsync(id, Cancel))!.Resource("")), Cancel);
        _jobs.Put(SampleJobs.Ended(SampleJobs.New("vid_a") with { Batch = new(id, 0) }, JobStatus.Succeeded));
        _time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(1, await ForgetAsync());
        Assert.Equal((hasEnded, hasEnded), (await batches.FindAsync(id, Cancel) is null, _jobs.Notified.IsEmpty));
    }

    [Fact]
    public async Task Batch_stays_until_its_last_job_may_be_deleted()
    {
        var (batches, id) = (new Batches(_documents, _time), Batches.NewId());
        await batches.OpenAsync(id, "f", 2, Cancel);
        await batches.CloseAsync(id, [0, 1], Cancel);
        await batches.EndAsync("vid_a", new(id, 0), 0, JobStatus.Succeeded, Cancel);
        _jobs.Put(SampleJobs.Ended(SampleJobs.New("vid_a") with { Batch = new(id, 0) }, JobStatus.Succeeded));
        _time.Advance(_options.KeepFor / 2);
        await batches.EndAsync("vid_b", new(id, 1), 0, JobStatus.Succeeded, Cancel);
        var last = SampleJobs.Ended(SampleJobs.New("vid_b") with { Batch = new(id, 1) }, JobStatus.Succeeded);
        _jobs.Put(last with { State = last.State with { UpdatedAt = _time.GetUtcNow() } });
        _time.Advance(_options.KeepFor / 2 + TimeSpan.FromMinutes(4));
        Assert.Equal(1, await ForgetAsync());
        Assert.NotNull(await batches.FindAsync(id, Cancel));
        _time.Advance(_options.KeepFor / 2);
        Assert.Equal(1, await ForgetAsync());
        Assert.Null(await batches.FindAsync(id, Cancel));
    }

    [Fact]
    public async Task Job_of_an_upload_is_deleted_once_the_upload_is_on_record()
    {
        var job = SampleJobs.New(Upload.JobId("walk.json", "v1")) with { Upload = "walk.json" };
        _jobs.Put(SampleJobs.Ended(job, JobStatus.Succeeded));
        _time.Advance(TimeSpan.FromDays(400));
        _uploads.IsAway = true;
        Assert.Equal(0, await ForgetAsync());
        _uploads.IsAway = false;
        Assert.Equal(1, await ForgetAsync());
        Assert.True(await _uploads.IsAcceptedAsync(job.Id, Cancel));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    public async Task Slot_of_a_broken_job_is_released_though_the_job_stays(int keepForDays)
    {
        _options.KeepFor = TimeSpan.FromDays(keepForDays);
        var job = SampleJobs.New("vid_a") with { Capped = true };
        Assert.True(await _quota.TryEnterAsync(job.Id, 1, Cancel));
        _jobs.Put(JobSnapshot.Of(job, null, RunState.Broken, []));
        Assert.Equal(0, await ForgetAsync());
        Assert.True(await _quota.TryEnterAsync("vid_b", 1, Cancel));
    }

    [Fact]
    public async Task Dead_letters_are_deleted_with_their_job_and_no_other()
    {
        await PutAsync("vid_a");
        foreach (var (job, run) in new[] { ("vid_a", 0), ("vid_a", 1), ("vid_ab", 0) })
            await Letters.AddAsync(new($"ntf_{job}_{run}_webhook", job, "example.com", "HTTP 500", "{}", _time.GetUtcNow()), Cancel);
        _time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(1, await ForgetAsync());
        Assert.Equal("vid_ab", Assert.Single(await Letters.ListAsync(Cancel)).JobId);
    }

    [Fact]
    public async Task Nothing_is_deleted_if_jobs_are_kept_for_ever()
    {
        await PutAsync("vid_a");
        _options.KeepFor = TimeSpan.Zero;
        _time.Advance(TimeSpan.FromDays(4000));
        Assert.Equal(0, await ForgetAsync());
    }

    [Fact]
    public async Task Many_jobs_are_deleted_in_runs_shorter_than_the_function_timeout()
    {
        for (var n = 0; n < 60; n++) await PutAsync($"vid_{n}");
        _time.Advance(TimeSpan.FromDays(400));
        // Each read of the clock advances it by a minute.
        _time.AutoAdvanceAmount = TimeSpan.FromMinutes(1);
        var begun = _time.Start;
        var first = await ForgetAsync();
        Assert.InRange(first, 1, 59);
        Assert.InRange(_time.GetUtcNow() - begun - TimeSpan.FromDays(400), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(30));

        for (var rest = 60 - first; rest > 0; rest -= await ForgetAsync())
        {
        }
        Assert.Empty(_jobs.Ids);
    }

    private async Task PutAsync(string id)
    {
        _jobs.Put(SampleJobs.Ended(SampleJobs.New(id), JobStatus.Succeeded));
        foreach (var key in new[] { id, $"{id}~2", $"{id}.1" }) await _ledger.TryIntendAsync(key, _time.GetUtcNow(), Cancel);
    }

    private Task<int> ForgetAsync()
    {
        var options = Options.Create(_options);
        var places = new StalePlaces(_quota, new(_quota, _jobs, options, NullLogger<HandOver>.Instance), _jobs, _ledger, new(options, _time), options, _time);
        return new OldJobs(_jobs, _ledger, places, Letters, _uploads, new InMemoryAssets(_time), new(_documents, _time), new(options, _time), _time, NullLogger<OldJobs>.Instance).ForgetAsync(Cancel);
    }
}
