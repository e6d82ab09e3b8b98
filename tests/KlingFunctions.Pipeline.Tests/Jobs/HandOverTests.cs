using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public sealed class HandOverTests : IDisposable
{
    private readonly FakeJobs _jobs = new();
    private readonly Quota _quota = new(new InMemoryDocuments(), TimeProvider.System);
    private readonly HandOver _handOver;

    public HandOverTests() =>
        _handOver = new(_quota, _jobs, Options.Create(new PipelineOptions { MaxInFlight = 2 }), NullLogger<HandOver>.Instance);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _quota.Dispose();

    [Fact]
    public async Task Slots_go_to_waiting_jobs_in_order_of_arrival()
    {
        await AcquireSlotAsync(5);
        foreach (var id in new[] { "vid_2", "vid_1", "vid_3" }) await _handOver.ReleaseSlotAsync(id, Cancel);
        Assert.Equal(["vid_3", "vid_4", "vid_5"], _jobs.Called);
        Assert.True(await _quota.TryEnterAsync("vid_4", 2, Cancel));
        Assert.False(await _quota.TryEnterAsync("vid_6", 2, Cancel));
    }

    [Fact]
    public async Task Repeated_request_for_a_slot_keeps_the_position_in_the_queue()
    {
        await AcquireSlotAsync(4);
        Assert.False(await _quota.TryEnterAsync("vid_4", 2, Cancel));
        Assert.False(await _quota.TryEnterAsync("vid_3", 2, Cancel));
        await _handOver.ReleaseSlotAsync("vid_1", Cancel);
        Assert.Equal(["vid_3"], _jobs.Called);
    }

    [Fact]
    public async Task Job_cancelled_while_it_waits_leaves_the_queue()
    {
        await AcquireSlotAsync(4);
        await _handOver.ReleaseSlotAsync("vid_3", Cancel);
        Assert.Empty(_jobs.Called);
        await _handOver.ReleaseSlotAsync("vid_1", Cancel);
        Assert.Equal(["vid_4"], _jobs.Called);
    }

    [Fact]
    public async Task Repeated_step_calls_the_jobs_that_a_crash_may_have_missed()
    {
        await AcquireSlotAsync(3);
        // The host died after the list was written.
        await _quota.ReleaseSlotAsync("vid_1", 2, Cancel);
        await _handOver.ReleaseSlotAsync("vid_1", Cancel);
        Assert.Contains("vid_3", _jobs.Called);
    }

    [Fact]
    public async Task Job_that_cannot_be_called_prevents_no_release()
    {
        await AcquireSlotAsync(3);
        _jobs.AreAway = true;
        Assert.True(await _handOver.ReleaseSlotAsync("vid_1", Cancel));
        Assert.True(await _quota.TryEnterAsync("vid_3", 2, Cancel));
    }

    private async Task AcquireSlotAsync(int count)
    {
        for (var n = 1; n <= count; n++) Assert.Equal(n <= 2, await _quota.TryEnterAsync($"vid_{n}", 2, Cancel));
    }
}
