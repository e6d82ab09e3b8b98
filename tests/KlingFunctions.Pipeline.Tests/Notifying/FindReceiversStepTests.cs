using System.Diagnostics.Metrics;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Telemetry;
using KlingFunctions.Pipeline.Tests.Fakes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public class FindReceiversStepTests
{
    private static readonly ReceiversInput Failed = new("vid_find_1", 0, "own.example.com", "video.failed");

    private readonly InMemoryDocuments _documents = new();
    private readonly Lines _log = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unreadable_subscription_hides_no_other_and_is_logged_once()
    {
        await _documents.TryWriteAsync("subscriptions/sub_0.json", "nonsense", null, Ct);
        await _documents.TryWriteAsync("subscriptions/sub_1.json", "null", null, Ct);
        var subscriptions = new Subscriptions(_documents, _log);
        await subscriptions.AddAsync(new("sub_2", "https://example.com/?sig=s", [], SampleJobs.CreatedAt), Ct);
        for (var n = 0; n < 3; n++)
            Assert.Equal(["webhook", "sub_2"], (await Step(subscriptions).FindAsync(Failed, Ct)).Select(r => r.Id));
        Assert.Equal(2, _log.Said.Count);
        Assert.Null(await subscriptions.FindAsync("sub_0", Ct));
    }

    [Fact]
    public async Task Own_webhook_is_found_though_the_subscriptions_are_unavailable()
    {
        _documents.Before = (_, _) => throw new IOException("The store is away.");
        Assert.Equal(["webhook"], (await Step().RunAsync(Failed, Ct)).Select(r => r.Id));
        await Assert.ThrowsAsync<IOException>(() => Step().RunAsync(Failed with { OwnHost = null }, Ct));
    }

    [Fact]
    public async Task Step_that_runs_twice_counts_the_end_once()
    {
        var counted = 0;
        using var meter = Listen("kling.jobs.ended", () => counted++);
        for (var n = 0; n < 3; n++) await Step().RunAsync(Failed, Ct);
        Assert.Equal(1, counted);
        await Step().RunAsync(Failed with { Run = 1 }, Ct);
        Assert.Equal(2, counted);
        await Step().RunAsync(Failed with { Type = "video.succeeded", IsRepeat = true }, Ct);
        Assert.Equal(2, counted);
    }

    [Fact]
    public async Task Step_that_fails_counts_nothing()
    {
        var counted = 0;
        using var meter = Listen("kling.jobs.ended", () => counted++);
        _documents.Before = (_, _) => throw new IOException("The store is away.");
        await Assert.ThrowsAsync<IOException>(() => Step().RunAsync(Failed with { OwnHost = null }, Ct));
        Assert.Equal(0, counted);
    }

    /// <summary>
    /// Listens to the counts of this test. All tests of the process share the counters; the test's own flow identifies its counts.
    /// </summary>
    internal static MeterListener Listen(string name, Action counted)
    {
        var flow = new AsyncLocal<bool> { Value = true };
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == KlingTelemetry.Name && instrument.Name == name) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) =>
        {
            if (flow.Value) counted();
        });
        listener.Start();
        return listener;
    }

    private FindReceiversStep Step(Subscriptions? subscriptions = null) => new(
        subscriptions ?? new(_documents, _log), _documents, new([]), NullLogger<FindReceiversStep>.Instance);

    private sealed class Lines : ILogger<Subscriptions>
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Said) Said.Add(formatter(state, exception));
        }
    }
}
