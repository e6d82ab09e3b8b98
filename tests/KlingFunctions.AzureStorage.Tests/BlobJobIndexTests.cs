using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.AzureStorage.Tests.Storage;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobJobIndexTests(TestStorage storage)
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Gen<(string Id, DateTimeOffset At)[]> Jobs =
        from minutes in Gen.Choose(0, 5 * 24 * 60).ListOf()
        select minutes.Select((m, n) => ($"vid_{n}", Start.AddMinutes(m))).ToArray();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void However_jobs_come_they_are_listed_newest_first_and_page_after_page_each_once() => Prop.ForAll(
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
    public void A_walk_through_the_pages_sees_every_job_that_stays_exactly_once_while_others_come_and_go() => Prop.ForAll(
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
    public async Task Adding_and_removing_may_be_repeated()
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        for (var n = 0; n < 2; n++) await index.AddAsync("vid_1", Start, Cancel);
        Assert.Single(await index.ListAsync(null, Cancel).ToListAsync(Cancel));
        for (var n = 0; n < 2; n++) await index.RemoveAsync("vid_1", Start, Cancel);
        Assert.Empty(await index.ListAsync(null, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task A_listing_goes_on_behind_a_job_that_has_gone_meanwhile()
    {
        var index = new BlobJobIndex(storage.NewAccount().Client);
        for (var n = 0; n < 3; n++) await index.AddAsync($"vid_{n}", Start.AddDays(n), Cancel);
        var second = (await index.ListAsync(null, Cancel).ToListAsync(Cancel))[1];
        await index.RemoveAsync(second.JobId, second.CreatedAt, Cancel);
        Assert.Equal("vid_0", Assert.Single(await index.ListAsync(second.Cursor, Cancel).ToListAsync(Cancel)).JobId);
    }

    [Fact]
    public async Task The_days_of_a_page_before_are_not_walked_through_again()
    {
        var (account, network) = (storage.NewAccount(), new Network());
        var index = new BlobJobIndex(account.Over(network));
        for (var n = 0; n < 9; n++) await index.AddAsync($"vid_{n}", Start.AddDays(n), Cancel);
        var jobs = await index.ListAsync(null, Cancel).ToListAsync(Cancel);
        network.Sent.Clear();
        Assert.Equal("vid_0", Assert.Single(await index.ListAsync(jobs[7].Cursor, Cancel).ToListAsync(Cancel)).JobId);
        Assert.Equal(3, network.Sent.Count); // the days, the cursor's day, the day after
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("0000000000000000000")]
    [InlineData("0000000000000000000-")]
    [InlineData("9999999999999999999-vid_1")]
    [InlineData("-000000000000000001-vid_1")]
    [InlineData("../0000000000000000-vid_1")]
    public void A_cursor_that_is_none_of_the_index_is_refused(string cursor) =>
        Assert.Throws<FormatException>(() => new BlobJobIndex(storage.NewAccount().Client).ListAsync(cursor, Cancel));
}
