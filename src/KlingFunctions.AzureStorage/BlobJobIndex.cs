using System.Globalization;
using System.Runtime.CompilerServices;
using Azure.Storage.Blobs;

namespace KlingFunctions.AzureStorage;

/// <summary>A job in the index.</summary>
/// <param name="JobId">Its id.</param>
/// <param name="CreatedAt">When it was accepted (UTC).</param>
/// <param name="Cursor">A listing goes on behind it from here.</param>
public sealed record IndexedJob(string JobId, DateTimeOffset CreatedAt, string Cursor);

/// <summary>
/// The jobs by age, each an empty blob <c>{day}/{instant}-{job}</c>, both counted down from the end of time: the storage lists names in
/// ascending order, and so the newest comes first. A listing may begin at a day, so neither a page nor a purge walks through all jobs.
/// </summary>
public sealed class BlobJobIndex(BlobServiceClient account)
{
    private const int DayDigits = 7;
    private const int TickDigits = 19;

    private readonly BlobContainerClient _container = account.GetBlobContainerClient(Containers.Jobs);

    /// <summary>Adds a job, durably. A repeat is harmless.</summary>
    /// <param name="jobId">Its id.</param>
    /// <param name="createdAt">When it was accepted; the same in every repeat.</param>
    /// <param name="cancel">Ends the call.</param>
    public Task AddAsync(string jobId, DateTimeOffset createdAt, CancellationToken cancel) =>
        _container.GetBlobClient(NameOf(jobId, createdAt)).UploadAsync(BinaryData.Empty, overwrite: true, cancel);

    /// <summary>Removes a job. A repeat is harmless.</summary>
    /// <inheritdoc cref="AddAsync"/>
    public Task RemoveAsync(string jobId, DateTimeOffset createdAt, CancellationToken cancel) =>
        _container.DeleteBlobIfExistsAsync(NameOf(jobId, createdAt), cancellationToken: cancel);

    /// <summary>All jobs, newest first.</summary>
    /// <param name="cursor">That of the last job of the page before; null to begin with the newest.</param>
    /// <param name="cancel">Ends the listing.</param>
    /// <exception cref="FormatException">The cursor is none of this index.</exception>
    public IAsyncEnumerable<IndexedJob> ListAsync(string? cursor, CancellationToken cancel)
    {
        if (cursor is not null) Read(cursor);
        return WalkAsync(cursor, cancel);
    }

    /// <summary>All jobs that were accepted before <paramref name="limit"/>, the oldest day first.</summary>
    /// <param name="limit">The instant.</param>
    /// <param name="cancel">Ends the listing.</param>
    public async IAsyncEnumerable<IndexedJob> ListOlderThanAsync(DateTimeOffset limit, [EnumeratorCancellation] CancellationToken cancel)
    {
        var days = new List<string>();
        await foreach (var day in DaysAsync(cancel)) days.Add(day);
        foreach (var day in days.Where(day => string.CompareOrdinal(day, DayOf(Countdown(limit))) >= 0).Reverse())
        {
            await foreach (var job in JobsOfAsync(day, cancel))
            {
                if (job.CreatedAt < limit) yield return job;
            }
        }
    }

    private static long Countdown(DateTimeOffset at) => DateTimeOffset.MaxValue.UtcTicks - at.UtcTicks;

    // The end of time is the last tick of a day, so days begin with days when counted down too.
    private static string DayOf(long countdown) => (countdown / TimeSpan.TicksPerDay).ToString($"D{DayDigits}", CultureInfo.InvariantCulture);

    private static string CursorOf(string jobId, DateTimeOffset at) => $"{Countdown(at).ToString($"D{TickDigits}", CultureInfo.InvariantCulture)}-{jobId}";

    private static string NameOf(string jobId, DateTimeOffset at) => $"{DayOf(Countdown(at))}/{CursorOf(jobId, at)}";

    private static IndexedJob Read(string cursor) =>
        cursor.Length > TickDigits + 1 && cursor[TickDigits] == '-'
        && long.TryParse(cursor.AsSpan(0, TickDigits), NumberStyles.None, CultureInfo.InvariantCulture, out var countdown)
        && countdown <= DateTimeOffset.MaxValue.UtcTicks
            ? new(cursor[(TickDigits + 1)..], new(DateTimeOffset.MaxValue.UtcTicks - countdown, TimeSpan.Zero), cursor)
            : throw new FormatException("The cursor is none of this index.");

    private async IAsyncEnumerable<IndexedJob> WalkAsync(string? cursor, [EnumeratorCancellation] CancellationToken cancel)
    {
        var first = cursor is null ? "" : DayOf(Countdown(Read(cursor).CreatedAt));
        await foreach (var day in DaysAsync(cancel))
        {
            if (string.CompareOrdinal(day, first) < 0) continue;
            await foreach (var job in JobsOfAsync(day, cancel))
            {
                if (day != first || string.CompareOrdinal(job.Cursor, cursor) > 0) yield return job;
            }
        }
    }

    private async IAsyncEnumerable<string> DaysAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var item in _container.GetBlobsByHierarchyAsync(new() { Delimiter = "/" }, cancel)) yield return item.Prefix.TrimEnd('/');
    }

    private async IAsyncEnumerable<IndexedJob> JobsOfAsync(string day, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var blob in _container.GetBlobsAsync(new() { Prefix = $"{day}/" }, cancel)) yield return Read(blob.Name[(DayDigits + 1)..]);
    }
}
