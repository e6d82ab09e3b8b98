using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Batching;

public class BatchesTests
{
    private readonly InMemoryDocuments _documents = new();
    private readonly FakeJobs _jobs = new();
    private readonly Batches _batches;
    private readonly string _id = Batches.NewId();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public BatchesTests() => _batches = new(_documents, TimeProvider.System);

    [Fact]
    public async Task Batch_is_accepting_then_running_then_finished()
    {
        Assert.True(await _batches.OpenAsync(_id, "f", 3, Ct));
        Assert.Equal((BatchStatus.Accepting, (int?)null), await StatusAsync(batch => batch.Accepted));
        await _batches.CloseAsync(_id, [0, 2], Ct);
        Assert.Equal((BatchStatus.Running, 1), await StatusAsync(batch => batch.Refused));
        await _batches.EndAsync("vid_0", new(_id, 0), 0, JobStatus.Failed, Ct);
        Assert.Equal((BatchStatus.Running, 1), await StatusAsync(batch => batch.Running));
        await _batches.EndAsync("vid_2", new(_id, 2), 0, JobStatus.Succeeded, Ct);
        Assert.Equal((BatchStatus.Finished, 1), await StatusAsync(batch => batch.Failed));
    }

    [Fact]
    public async Task Job_that_is_resumed_runs_again_and_its_last_end_counts()
    {
        await _batches.OpenAsync(_id, "f", 1, Ct);
        await _batches.CloseAsync(_id, [0], Ct);
        await _batches.EndAsync("vid_0", new(_id, 0), 9, JobStatus.Failed, Ct);
        await _batches.ResumeAsync("vid_0", new(_id, 0), 10, Ct);
        Assert.Equal((BatchStatus.Running, 0), await StatusAsync(batch => batch.Failed));
        await _batches.EndAsync("vid_0", new(_id, 0), 10, JobStatus.Succeeded, Ct);
        await _batches.ResumeAsync("vid_0", new(_id, 0), 10, Ct);
        Assert.Equal((BatchStatus.Finished, 1), await StatusAsync(batch => batch.Succeeded));
    }

    [Fact]
    public async Task Id_of_other_requests_is_refused()
    {
        Assert.True(await _batches.OpenAsync(_id, "f", 1, Ct));
        Assert.True(await _batches.OpenAsync(_id, "f", 1, Ct));
        Assert.False(await _batches.OpenAsync(_id, "g", 1, Ct));
    }

    [Fact]
    public async Task Jobs_accepted_by_a_later_call_join_the_earlier_ones()
    {
        await _batches.OpenAsync(_id, "f", 3, Ct);
        await _batches.CloseAsync(_id, [1], Ct);
        await _batches.CloseAsync(_id, [0, 1], Ct);
        Assert.Equal((BatchStatus.Running, 2), await StatusAsync(batch => batch.Accepted));
    }

    [Fact]
    public async Task Deleted_batch_leaves_nothing_and_counts_no_more_ends()
    {
        await _batches.OpenAsync(_id, "f", 1, Ct);
        await _batches.EndAsync("vid_0", new(_id, 0), 0, JobStatus.Succeeded, Ct);
        await _batches.ForgetAsync(_id, Ct);
        await _batches.EndAsync("vid_0", new(_id, 0), 0, JobStatus.Succeeded, Ct);
        Assert.Empty(await _documents.ListAsync("batches/", Ct).ToListAsync(Ct));
    }

    [Fact]
    public async Task Filter_by_batch_reads_no_job_older_than_the_batch()
    {
        await _batches.OpenAsync(_id, "f", 1, Ct);
        var created = (await _batches.FindAsync(_id, Ct))!.Batch.CreatedAt;
        Assert.Equal(created, (await _batches.NarrowAsync(new() { Batch = _id }, Ct)).CreatedAfter);
        Assert.Equal(created.AddDays(1), (await _batches.NarrowAsync(new() { Batch = _id, CreatedAfter = created.AddDays(1) }, Ct)).CreatedAfter);
        Assert.Null((await _batches.NarrowAsync(new() { Batch = Batches.NewId() }, Ct)).CreatedAfter);
        Assert.Same(JobFilter.All, await _batches.NarrowAsync(JobFilter.All, Ct));
    }

    private async Task<(BatchStatus, int?)> StatusAsync(Func<BatchResource, int?> number)
    {
        var batch = (await _batches.FindAsync(_id, Ct))!.Resource("https://kling.example.com");
        return (batch.Status, number(batch));
    }
}
