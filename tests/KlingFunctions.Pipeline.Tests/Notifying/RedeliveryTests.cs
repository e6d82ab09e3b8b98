using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public class RedeliveryTests
{
    private readonly FakeJobs _jobs = new();
    private readonly InMemoryDocuments _documents = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Own_webhook_that_was_missed_at_the_end_is_notified()
    {
        _jobs.Put(SampleJobs.Ended(SampleJobs.New(webhookUrl: "https://own.example.com/?k=s"), JobStatus.Succeeded));
        Assert.IsType<JobActionOutcome.Accepted>(await RedeliverAsync());
        Assert.Equal((Stage.Notify, JobStatus.Succeeded, 0), (_jobs["vid_1"].Job.From, _jobs["vid_1"].State.Status, _jobs["vid_1"].Job.Run));
    }

    [Fact]
    public async Task Job_with_a_webhook_is_never_reported_without_one()
    {
        _jobs.Put(SampleJobs.Ended(SampleJobs.New(webhookUrl: "https://own.example.com/?k=s"), JobStatus.Succeeded));
        _jobs.LosesResumes = true;
        Assert.DoesNotContain("no receivers", Assert.IsType<JobActionOutcome.Refused>(await RedeliverAsync()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Known_receivers_are_notified_again_without_another_run_of_the_job()
    {
        var job = SampleJobs.Ended(SampleJobs.New(webhookUrl: "https://own.example.com/?k=s"), JobStatus.Succeeded);
        _jobs.Put(job with { Notifications = [new("ntf_vid_1_0_webhook", "own.example.com", DeliveryState.DeadLetter, 10)] });
        Assert.IsType<JobActionOutcome.Accepted>(await RedeliverAsync());
        Assert.False(_jobs["vid_1"].IsRunning);
    }

    private Task<JobActionOutcome> RedeliverAsync() => new Redelivery(_jobs, new FindReceiversStep(
        new(_documents, NullLogger<Subscriptions>.Instance), _documents, new([]), NullLogger<FindReceiversStep>.Instance)).RedeliverAsync("vid_1", Ct);
}
