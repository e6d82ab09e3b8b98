using KlingFunctions.ComplianceTests.Stores;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Polling;

public class LearnedRunTimesTests
{
    private const string Name = "learned/kling/kling-video-o1/image-to-video/reference/5.json";
    private static readonly TimeSpan Run = TimeSpan.FromMinutes(3);

    private readonly InMemoryDocuments _documents = new();
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _calls = [];

    public LearnedRunTimesTests() => _documents.Before = (kind, name) => _calls.Add($"{kind} {name}");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Finished_job_is_one_write_and_five_minutes_of_polls_are_one_read()
    {
        var learned = Plans.Learned(_documents, _time);
        Assert.Null(await learned.FindAsync("5", Cancel));
        await learned.AddAsync("5", Run, wasQueued: false, Cancel);
        await learned.AddAsync("5", Run, wasQueued: false, Cancel);
        Assert.InRange((await learned.FindAsync("5", Cancel))!.Quantile(0.5), Run * 0.9, Run * 1.1);
        Assert.Equal([$"read {Name}", $"write {Name}", $"write {Name}"], _calls);
        _time.Advance(TimeSpan.FromMinutes(5));
        await learned.FindAsync("5", Cancel);
        Assert.Equal(4, _calls.Count);
    }

    [Fact]
    public async Task Durations_are_learned_separately_and_shared_between_hosts()
    {
        await Plans.Learned(_documents, _time).AddAsync("5", Run, null, Cancel);
        var other = Plans.Learned(_documents, _time);
        Assert.NotNull(await other.FindAsync("5", Cancel));
        Assert.Null(await other.FindAsync("10", Cancel));
        Assert.Null(await other.FindAsync(null, Cancel));
    }

    [Fact]
    public async Task Write_of_another_host_is_read_and_kept()
    {
        var (one, other) = (Plans.Learned(_documents, _time), Plans.Learned(_documents, _time));
        await other.FindAsync("5", Cancel);
        await one.AddAsync("5", Run, null, Cancel);
        await other.AddAsync("5", Run * 2, null, Cancel);
        Assert.Equal("""{"seconds":[180,360],"queued":0}""", (await _documents.ReadAsync(Name, Cancel))!.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"seconds":null}""")]
    [InlineData("""{"seconds":[-1,0]}""")]
    [InlineData("""{"seconds":["long"]}""")]
    public async Task Unreadable_document_counts_as_empty_and_is_replaced(string text)
    {
        await _documents.TryWriteAsync(Name, text, version: null, Cancel);
        var learned = Plans.Learned(_documents, _time);
        Assert.Null(await learned.FindAsync("5", Cancel));
        await learned.AddAsync("5", Run, null, Cancel);
        Assert.NotNull(await Plans.Learned(_documents, _time).FindAsync("5", Cancel));
    }

    [Fact]
    public async Task Lost_document_is_written_again()
    {
        var learned = Plans.Learned(_documents, _time);
        await learned.AddAsync("5", Run, null, Cancel);
        await _documents.DeleteAsync(Name, version: null, Cancel);
        await learned.AddAsync("5", Run, null, Cancel);
        Assert.NotNull(await _documents.ReadAsync(Name, Cancel));
    }

    [Fact]
    public async Task Unavailable_store_fails_nothing_and_is_tried_every_five_minutes()
    {
        var learned = Plans.Learned(_documents, _time);
        await learned.AddAsync("5", Run, null, Cancel);
        _documents.Before = (kind, name) =>
        {
            _calls.Add($"{kind} {name}");
            throw new IOException("The store is away.");
        };
        _time.Advance(TimeSpan.FromMinutes(5));
        _calls.Clear();
        Assert.NotNull(await learned.FindAsync("5", Cancel));
        Assert.NotNull(await learned.FindAsync("5", Cancel));
        await learned.AddAsync("5", Run, null, Cancel);
        Assert.Equal([$"read {Name}"], _calls);

        _documents.Before = null;
        _time.Advance(TimeSpan.FromMinutes(5));
        await learned.FindAsync("5", Cancel);
        await learned.AddAsync("5", Run, null, Cancel);
        Assert.Equal("""{"seconds":[180,180],"queued":0}""", (await _documents.ReadAsync(Name, Cancel))!.Text);
    }
}
