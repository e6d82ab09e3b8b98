using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Requests;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public sealed class StalePlacesTests : IDisposable
{
    private static readonly JobError Refused = new(ErrorCodes.ProviderBalance, "Too little balance.");

    private readonly FakeJobs _jobs = new();
    private readonly InMemoryLedger _ledger = new();
    private readonly PipelineOptions _options = new() { MaxJobsPerDay = 1 };
    private readonly FakeTimeProvider _time = new(SampleJobs.CreatedAt);
    private readonly Quota _quota = new(new InMemoryDocuments(), TimeProvider.System);
    private readonly StalePlaces _places;

    public StalePlacesTests() =>
        _places = new(_quota, new(_quota, _jobs, Options.Create(_options), NullLogger<HandOver>.Instance), _jobs, _ledger, new(Options.Create(_options), _time), Options.Create(_options), _time);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DateOnly Today => DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime);

    public void Dispose() => _quota.Dispose();

    [Fact]
    public async Task Slot_is_released_when_its_job_has_ended_or_is_unknown()
    {
        foreach (var id in new[] { "vid_running", "vid_ended", "vid_unknown" }) Assert.True(await _quota.TryEnterAsync(id, 3, Cancel));
        await _jobs.StartAsync(SampleJobs.New("vid_running"), Cancel);
        _jobs.Put(SampleJobs.Ended(SampleJobs.New("vid_ended"), JobStatus.Succeeded));

        await _places.SweepAsync(Cancel);
        Assert.True(await _quota.TryEnterAsync("vid_a", 3, Cancel));
        Assert.True(await _quota.TryEnterAsync("vid_b", 3, Cancel));
        Assert.False(await _quota.TryEnterAsync("vid_c", 3, Cancel));
    }

    [Fact]
    public async Task Sweep_calls_waiting_jobs_with_a_slot_and_gives_free_slots_away()
    {
        _options.MaxInFlight = 2;
        foreach (var id in new[] { "vid_promoted", "vid_ended", "vid_first", "vid_second" }) await _quota.TryEnterAsync(id, 2, Cancel);
        foreach (var id in new[] { "vid_promoted", "vid_first", "vid_second" }) await _jobs.StartAsync(SampleJobs.New(id), Cancel);
        _jobs.Put(SampleJobs.Ended(SampleJobs.New("vid_ended"), JobStatus.Succeeded));

        await _places.SweepAsync(Cancel);
        Assert.Equal(["vid_first", "vid_promoted"], _jobs.Called);

        // Without a cap, no job waits.
        _options.MaxInFlight = 0;
        _jobs.Called.Clear();
        await _places.SweepAsync(Cancel);
        Assert.Contains("vid_second", _jobs.Called);
    }

    [Fact]
    public async Task Job_that_ended_unpaid_does_not_use_up_the_cap()
    {
        for (var n = 0; n < 4; n++)
        {
            Assert.IsType<Intake.Accepted>(await CallAsync($"vid_{n}"));
            Assert.IsType<Intake.DayIsFull>(await CallAsync("vid_other"));
            _jobs.Put(SampleJobs.Ended(_jobs[$"vid_{n}"].Job, JobStatus.Failed, Refused) with { State = JobState.Initial(_jobs[$"vid_{n}"].Job) with { Status = JobStatus.Failed, Error = Refused, UpdatedAt = _time.GetUtcNow() } });
            _time.Advance(TimeSpan.FromMinutes(1));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Submission_that_may_be_paid_keeps_its_place(bool isKnown)
    {
        Assert.IsType<Intake.Accepted>(await CallAsync("vid_1"));
        await _ledger.TryIntendAsync("vid_1", _time.GetUtcNow(), Cancel);
        if (isKnown) await _ledger.RecordAsync("vid_1", "req-1", _time.GetUtcNow(), Cancel);
        _jobs.Put(SampleJobs.Ended(_jobs["vid_1"].Job, JobStatus.Failed, Refused));
        await _places.SweepAsync(Cancel);
        Assert.IsType<Intake.DayIsFull>(await CallAsync("vid_2"));
    }

    [Fact]
    public async Task Deleted_job_keeps_its_place_of_the_day()
    {
        _options.KeepFor = TimeSpan.FromMinutes(1);
        Assert.IsType<Intake.Accepted>(await CallAsync("vid_1"));
        // A paid job during its deletion: its ledger entries are deleted first.
        _jobs.Put(SampleJobs.Ended(_jobs["vid_1"].Job, JobStatus.Succeeded));
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.IsType<Intake.DayIsFull>(await CallAsync("vid_2"));
        await _jobs.ForgetAsync(_jobs["vid_1"], Cancel);
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.IsType<Intake.DayIsFull>(await CallAsync("vid_2"));
        Assert.False(await _quota.TryTakeDayAsync("vid_2", Today, 1, Cancel));
    }

    private Task<Intake> CallAsync(string id) => new JobIntake(_jobs, _places, NoPrices.List, KlingO1.Contract, Options.Create(_options), _time)
        .AcceptAsync(id, Reading.Reader.Read("""{"prompt":"a fox"}"""u8.ToArray()), "https://kling.example.com", null, Cancel);
}
