using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Workflow;

public class OldJobsTests
{
    private static readonly NotificationState Pending = new("ntf_1", "hooks.example.com", DeliveryState.Pending, 3);

    private readonly FakeJobs _jobs = new();
    private readonly InMemoryLedger _ledger = new();
    private readonly InMemoryQuota _quota = new();
    private readonly PipelineOptions _options = new();
    private readonly FakeTimeProvider _time = new(Jobs.CreatedAt);

    [Fact]
    public async Task A_job_is_forgotten_with_its_submissions_when_it_ended_long_enough_ago()
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
    public async Task A_job_that_broke_before_it_gave_its_place_in_flight_back_gives_it_back_when_it_is_forgotten()
    {
        await _quota.TryEnterAsync("vid_a", 1, TestContext.Current.CancellationToken);
        await PutAsync("vid_a");
        Assert.False(await _quota.TryEnterAsync("vid_b", 1, TestContext.Current.CancellationToken));
        _time.Advance(TimeSpan.FromDays(400));
        await ForgetAsync();
        Assert.True(await _quota.TryEnterAsync("vid_b", 1, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Neither_a_running_job_nor_one_of_which_somebody_is_still_to_be_told_is_forgotten()
    {
        _jobs.Put(new(Jobs.New("vid_a"), JobState.Initial(Jobs.New("vid_a")), IsRunning: true, []));
        _jobs.Put(Jobs.Ended(Jobs.New("vid_b"), JobStatus.Succeeded) with { Notifications = [Pending] });
        _time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(0, await ForgetAsync());
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Nothing_is_forgotten_where_jobs_are_kept_for_ever()
    {
        await PutAsync("vid_a");
        _options.KeepFor = TimeSpan.Zero;
        _time.Advance(TimeSpan.FromDays(4000));
        Assert.Equal(0, await ForgetAsync());
    }

    private async Task PutAsync(string id)
    {
        _jobs.Put(Jobs.Ended(Jobs.New(id) with { Capped = true }, JobStatus.Succeeded));
        foreach (var key in new[] { id, $"{id}~2", $"{id}.1" }) await _ledger.TryIntendAsync(key, _time.GetUtcNow(), TestContext.Current.CancellationToken);
    }

    private Task<int> ForgetAsync() =>
        new OldJobs(_jobs, _ledger, _quota, Options.Create(_options), _time, NullLogger<OldJobs>.Instance).ForgetAsync(TestContext.Current.CancellationToken);
}
