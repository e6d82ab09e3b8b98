using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobJobIndexTests(TestStorage storage)
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Gen<(string Id, DateTimeOffset At)[]> Jobs =
        from minutes in Gen.Choose(0, 5 * 24 * 60).ListOf()
        select minutes.Select((m, n) => ($"vid_{n}", Start.AddMinutes(m))).ToArray();

    private static readonly JobSummary Failed = new(JobStatus.Failed, Batch: null, Metadata: null);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Jobs_are_listed_newest_first_each_on_one_page() => Prop.ForAll(
        Jobs.ToArbitrary(), Gen.Choose(1, 7).ToArbitrary(), (jobs, size) => HoldsAsync(jobs, size).GetAwaiter().GetResult())
        .Check(Config.QuickThrowOnFailure.WithMaxTest(10));

    private async Task<bool> HoldsAsync((string Id, DateTimeOffset At)[] jobs, int size)
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        foreach (var (id, at) in jobs) await index.AddAsync(id, at, Cancel);
        var wanted = jobs.OrderByDescending(j => j.At).ThenBy(j => j.Id, StringComparer.Ordinal).ToArray();

        Assert.Equal(wanted, (await index.ListAsync(null, Cancel).ToListAsync(Cancel)).Select(j => (j.JobId, j.CreatedAt)));
        var paged = new List<IndexedJob>();
        for (var page = paged; page.Count > 0 || paged.Count == 0; paged.AddRange(page))
        {
            page = await index.ListAsync(paged.LastOrDefault()?.Cursor, Cancel).Take(size).ToListAsync(Cancel);
            if (page.Count == 0) break;
        }
        Assert.Equal(wanted, paged.Select(j => (j.JobId, j.CreatedAt)));

        var limit = Start.AddDays(2).AddHours(7);
        var old = await index.ListOlderThanAsync(limit, Cancel).ToListAsync(Cancel);
        Assert.Equal(wanted.Where(j => j.At < limit).Order(), old.Select(j => (j.JobId, j.CreatedAt)).Order());
        Assert.Equal(old.Select(j => j.CreatedAt.Date).Order(), old.Select(j => j.CreatedAt.Date));
        return true;
    }

    [Fact]
    public void Pages_show_every_remaining_job_once_during_additions_and_removals() => Prop.ForAll(
        Jobs.ToArbitrary(), Gen.Choose(1, 7).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(),
        (jobs, size, seed) => StaysAsync(jobs, size, new Random(seed)).GetAwaiter().GetResult())
        .Check(Config.QuickThrowOnFailure.WithMaxTest(10).WithReplay(4, 17));

    private async Task<bool> StaysAsync((string Id, DateTimeOffset At)[] jobs, int size, Random random)
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        var there = jobs.ToDictionary(j => j.Id, j => j.At);
        foreach (var (id, at) in there) await index.AddAsync(id, at, Cancel);
        var (seen, gone, now) = (new List<IndexedJob>(), new HashSet<string>(), Start.AddDays(5));
        while (await index.ListAsync(seen.LastOrDefault()?.Cursor, Cancel).Take(size).ToListAsync(Cancel) is { Count: > 0 } page)
        {
            seen.AddRange(page);
            for (var n = random.Next(3); n > 0; n--) await index.AddAsync($"vid_new_{now.Ticks}", now = now.AddMinutes(random.Next(1, 900)), Cancel);
            foreach (var (id, at) in there.Where(j => random.Next(5) == 0 && gone.Add(j.Key))) await index.RemoveAsync(id, at, Cancel);
        }
        Assert.Equal(seen.Count, seen.Select(j => j.JobId).Distinct().Count());
        Assert.Empty(there.Keys.Except(gone).Except(seen.Select(j => j.JobId)));
        Assert.Equal(seen.OrderByDescending(j => j.CreatedAt).ThenBy(j => j.JobId, StringComparer.Ordinal), seen);
        return true;
    }

    [Fact]
    public async Task Adding_and_removing_can_be_repeated()
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        for (var n = 0; n < 2; n++) await index.AddAsync("vid_1", Start, Cancel);
        Assert.Single(await index.ListAsync(null, Cancel).ToListAsync(Cancel));
        for (var n = 0; n < 2; n++) await index.RemoveAsync("vid_1", Start, Cancel);
        Assert.Empty(await index.ListAsync(null, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Listing_continues_behind_a_job_that_was_removed()
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        for (var n = 0; n < 3; n++) await index.AddAsync($"vid_{n}", Start.AddDays(n), Cancel);
        var second = (await index.ListAsync(null, Cancel).ToListAsync(Cancel))[1];
        await index.RemoveAsync(second.JobId, second.CreatedAt, Cancel);
        Assert.Equal("vid_0", Assert.Single(await index.ListAsync(second.Cursor, Cancel).ToListAsync(Cancel)).JobId);
    }

    [Fact]
    public async Task Days_before_the_cursor_are_not_read_again()
    {
        var (account, network) = (storage.NewAccount(), new Network());
        var index = new BlobJobIndex(account.Over(network));
        for (var n = 0; n < 9; n++) await index.AddAsync($"vid_{n}", Start.AddDays(n), Cancel);
        var jobs = await index.ListAsync(null, Cancel).ToListAsync(Cancel);
        network.Sent.Clear();
        Assert.Equal("vid_0", Assert.Single(await index.ListAsync(jobs[7].Cursor, Cancel).ToListAsync(Cancel)).JobId);
        Assert.Equal(3, network.Sent.Count); // the days, the cursor's day, the day after
    }

    [Fact]
    public void Every_summary_is_read_as_it_was_written() => Prop.ForAll(
        Gen.Choose(0, 9).ToArbitrary(), ArbMap.Default.ArbFor<Dictionary<NonNull<string>, string>>(), Gen.Elements<string?>(null, $"bat_{new('0', 32)}").ToArbitrary(),
        (run, metadata, batch) =>
        {
            var json = JsonSerializer.SerializeToElement(metadata.ToDictionary(pair => pair.Key.Get, pair => pair.Value));
            var ended = SummaryOf(json) with { Batch = batch };
            var written = IndexMetadata.Of(run, ended);
            return written.Values.All(value => value.Length > 0 && value.All(c => c is > ' ' and <= '~')) && IndexMetadata.Read(written) == (run, ended);
        })
        .QuickCheckThrowOnFailure();

    [Fact]
    public async Task Summary_of_the_largest_metadata_fits_beside_its_entry()
    {
        var (index, entry) = await NewEntryAsync();
        // The shortest names and values: the most properties, and so the most digests.
        var names = Enumerable.Range('!', 94).Select(c => $"{(char)c}").Concat(Enumerable.Range(0, 9_000).Select(n => $"{n:X2}"))
            .Except(["\"", "\\"]).ToList();
        var json = "";
        foreach (var name in names.TakeWhile(name => json.Length + name.Length + 5 < RequestReader.MaxMetadataBytes))
            json += $"{(json.Length > 0 ? "," : "")}\"{name}\":1";
        var ended = SummaryOf(JsonElement.Parse($"{{{json}}}")) with { Batch = $"bat_{new string('0', 32)}" };
        await index.UpdateAsync(entry, run: 1_000_000, ended, Cancel);
        var listed = Assert.Single(await index.ListAllAsync(Cancel).ToListAsync(Cancel));
        Assert.Equal((1_000_000, ended), (listed.Run, listed.Ended));
        Assert.True(listed.Ended!.HasMetadata("A", "1"));
    }

    [Fact]
    public async Task Summary_read_before_a_resume_is_dropped_after_it()
    {
        var (index, entry) = await NewEntryAsync();
        await index.ReopenAsync(entry.JobId, entry.CreatedAt, run: 1, Cancel);
        await index.UpdateAsync(entry, run: 0, Failed, Cancel);
        Assert.Null((await OnlyAsync(index)).Ended);
    }

    [Fact]
    public async Task Summary_of_the_run_before_is_refused_while_a_resume_starts()
    {
        var (index, entry) = await NewEntryAsync();
        await index.UpdateAsync(entry, run: 0, Failed, Cancel);
        await index.ReopenAsync(entry.JobId, entry.CreatedAt, run: 1, Cancel);
        var reopened = await OnlyAsync(index);
        Assert.Null(reopened.Ended);
        await index.UpdateAsync(reopened, run: 0, Failed, Cancel);
        Assert.Null((await OnlyAsync(index)).Ended);
        await index.UpdateAsync(reopened, run: 1, Failed, Cancel);
        Assert.Equal(Failed, (await OnlyAsync(index)).Ended);
    }

    [Fact]
    public async Task Wrong_summary_is_corrected_or_removed()
    {
        var (index, entry) = await NewEntryAsync();
        await index.UpdateAsync(entry, run: 0, Failed, Cancel);
        var succeeded = Failed with { Status = JobStatus.Succeeded };
        await index.UpdateAsync(await OnlyAsync(index), run: 0, succeeded, Cancel);
        Assert.Equal(succeeded, (await OnlyAsync(index)).Ended);
        await index.UpdateAsync(await OnlyAsync(index), run: 0, ended: null, Cancel);
        Assert.Null((await OnlyAsync(index)).Ended);
    }

    [Fact]
    public async Task Repeated_start_keeps_the_summary_and_the_run()
    {
        var (index, entry) = await NewEntryAsync();
        await index.UpdateAsync(entry, run: 2, Failed, Cancel);
        await index.AddAsync(entry.JobId, entry.CreatedAt, Cancel);
        var listed = await OnlyAsync(index);
        Assert.Equal((2, Failed), (listed.Run, listed.Ended));
    }

    [Fact]
    public async Task Summary_does_not_bring_a_removed_job_back_and_a_resume_adds_a_lost_one()
    {
        var (index, entry) = await NewEntryAsync();
        await index.RemoveAsync(entry.JobId, entry.CreatedAt, Cancel);
        await index.UpdateAsync(entry, run: 0, Failed, Cancel);
        Assert.Empty(await index.ListAllAsync(Cancel).ToListAsync(Cancel));
        await index.ReopenAsync(entry.JobId, entry.CreatedAt, run: 1, Cancel);
        Assert.Equal(1, (await OnlyAsync(index)).Run);
    }

    [Fact]
    public async Task All_jobs_and_their_summaries_are_one_request()
    {
        var (account, network) = (storage.NewAccount(), new Network());
        var index = new BlobJobIndex(account.Over(network));
        for (var n = 0; n < 9; n++) await index.AddAsync($"vid_{n}", Start.AddDays(n), Cancel);
        await foreach (var entry in index.ListAllAsync(Cancel)) await index.UpdateAsync(entry, run: 0, Failed, Cancel);
        network.Sent.Clear();
        var jobs = await index.ListAllAsync(Cancel).ToListAsync(Cancel);
        Assert.Equal(Enumerable.Range(0, 9).Reverse().Select(n => $"vid_{n}"), jobs.Select(j => j.JobId));
        Assert.All(jobs, job => Assert.Equal(Failed, job.Ended));
        Assert.Single(network.Sent);
        Assert.Equal(jobs, await index.ListAsync(null, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Index_that_was_emptied_or_never_built_is_not_complete()
    {
        var account = storage.NewAccount();
        var index = new BlobJobIndex(account.Client);
        await index.AddAsync("vid_1", Start, Cancel);
        Assert.False(await index.IsCompleteAsync(Cancel));
        await index.SetCompleteAsync(Cancel);
        Assert.True(await index.IsCompleteAsync(Cancel));
        await index.RemoveAsync("vid_1", Start, Cancel);
        Assert.False(await index.IsCompleteAsync(Cancel));
    }

    private async Task<(BlobJobIndex Index, IndexedJob Entry)> NewEntryAsync()
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        await index.AddAsync("vid_1", Start, Cancel);
        return (index, await OnlyAsync(index));
    }

    private static async Task<IndexedJob> OnlyAsync(BlobJobIndex index) => Assert.Single(await index.ListAllAsync(Cancel).ToListAsync(Cancel));

    private static JobSummary SummaryOf(JsonElement metadata)
    {
        var job = new VideoJob
        {
            Id = "vid_1",
            CreatedAt = Start,
            Request = new() { Input = JsonElement.Parse("{}"), Metadata = metadata, Fingerprint = "f1" },
            BaseUrl = "https://kling.example.com",
            SubmissionKey = "vid_1",
        };
        return JobSummary.Of(new(job, new() { Status = JobStatus.Succeeded, UpdatedAt = Start }, IsRunning: false, []))!;
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("0000000000000000000")]
    [InlineData("0000000000000000000-")]
    [InlineData("9999999999999999999-vid_1")]
    [InlineData("-000000000000000001-vid_1")]
    [InlineData("../0000000000000000-vid_1")]
    public void Cursor_of_another_index_is_refused(string cursor) =>
        Assert.Throws<FormatException>(() => new BlobJobIndex(storage.NewAccount().Client).ListAsync(cursor, Cancel));
}
