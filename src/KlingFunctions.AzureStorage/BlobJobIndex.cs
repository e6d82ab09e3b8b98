using System.Globalization;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.AzureStorage;

/// <summary>A job in the index.</summary>
/// <param name="JobId">Its id.</param>
/// <param name="CreatedAt">When it was accepted (UTC).</param>
/// <param name="Cursor">A listing continues after it from here.</param>
/// <param name="Run">The earliest run that its summary may be about: the latest that was ever resumed or summarised.</param>
/// <param name="Ended">The summary of the ended job; null if it runs, or if nobody has noted its end yet.</param>
/// <param name="Version">The version of the entry.</param>
public sealed record IndexedJob(string JobId, DateTimeOffset CreatedAt, string Cursor, int Run, JobSummary? Ended, string Version);

/// <summary>
/// The jobs by age, each an empty blob <c>{day}/{instant}-{job}</c>. Both numbers count down from the end of time: storage lists names in
/// ascending order, so the newest job comes first. A listing may begin at any day, so neither a page nor a purge reads all jobs.
/// </summary>
/// <remarks>
/// <para>The blob's metadata holds the summary of an ended job, so that filters and counts need the listing alone. A job without a summary is read
/// from the engine. So a missing summary makes no answer wrong, only slower, and any reader may write it. No step of the workflow does.</para>
/// <para>The summary of an earlier run can't stay, because of three rules. It is written only by a reader that lists the entry first, then reads
/// the job, and finds it ended (<see cref="UpdateAsync"/>). The write fails if the entry has changed since. Every resume first replaces the
/// entry with one of its own run (<see cref="ReopenAsync"/>), and starts afterwards. So if the reader saw the job before the new run
/// started, then either the entry that it listed was replaced since, or it names the new run already; both refuse the summary. A resume that
/// crashed before its start leaves an entry without a summary until the job is resumed again.</para>
/// <para>An entry that is deleted with its job is not written again: the update needs the version that was listed. A new job under the same
/// id has another time, and so another entry.</para>
/// <para>Some cases bypass these rules: a resume by a host of an older version, one that stalled until its claim had expired and others had
/// resumed the job, and an instance that an operator changed or purged. The summary may then be wrong, until a page that includes the entry reads
/// its job and corrects it.</para>
/// </remarks>
public sealed class BlobJobIndex(BlobServiceClient account)
{
    private const int DayDigits = 7;
    private const int TickDigits = 19;
    private const string Complete = "complete";

    private readonly BlobContainerClient _container = account.GetBlobContainerClient(Containers.Jobs);

    /// <summary>Adds a job, durably. An existing entry stays unchanged.</summary>
    /// <param name="jobId">Its id.</param>
    /// <param name="createdAt">When it was accepted; the same in every repeat.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task AddAsync(string jobId, DateTimeOffset createdAt, CancellationToken cancellationToken)
    {
        try
        {
            await _container.GetBlobClient(NameOf(jobId, createdAt)).UploadAsync(
                BinaryData.Empty, new BlobUploadOptions { Conditions = new() { IfNoneMatch = ETag.All } }, cancellationToken);
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.BlobAlreadyExists)
        {
            // A repeat.
        }
    }

    /// <summary>
    /// Removes the summary of a job, durably, before a new run of it starts: from then on only that run, or a later one, is summarised. Adds the
    /// entry if it is lost.
    /// </summary>
    /// <param name="jobId">Its id.</param>
    /// <param name="createdAt">When it was accepted.</param>
    /// <param name="run">The number of the run that is about to start.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task ReopenAsync(string jobId, DateTimeOffset createdAt, int run, CancellationToken cancellationToken) =>
        _container.GetBlobClient(NameOf(jobId, createdAt)).UploadAsync(
            BinaryData.Empty, new BlobUploadOptions { Metadata = IndexMetadata.Of(run, ended: null) }, cancellationToken);

    /// <summary>Updates the summary of an entry, unless it is right or the entry has changed.</summary>
    /// <param name="entry">The entry, listed before the job was read.</param>
    /// <param name="run">The run that the job was read in.</param>
    /// <param name="ended">The summary of that run; null if it has not ended, or the job is unknown.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task UpdateAsync(IndexedJob entry, int run, JobSummary? ended, CancellationToken cancellationToken)
    {
        if (ended == entry.Ended || run < entry.Run) return;
        try
        {
            await _container.GetBlobClient(NameOf(entry.JobId, entry.CreatedAt)).SetMetadataAsync(
                IndexMetadata.Of(run, ended), new BlobRequestConditions { IfMatch = new(entry.Version) }, cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status is 404 or 412)
        {
            // Another reader was first, the job was resumed, or it was deleted.
        }
    }

    /// <summary>Removes a job. A repeat is harmless.</summary>
    /// <param name="jobId">Its id.</param>
    /// <param name="createdAt">When it was accepted.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task RemoveAsync(string jobId, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        _container.DeleteBlobIfExistsAsync(NameOf(jobId, createdAt), cancellationToken: cancellationToken);

    /// <summary>All jobs, newest first.</summary>
    /// <param name="cursor">The cursor of the previous page's last job; null to begin with the newest job.</param>
    /// <param name="cancellationToken">Cancels the listing.</param>
    /// <exception cref="FormatException">The cursor does not belong to this index.</exception>
    public IAsyncEnumerable<IndexedJob> ListAsync(string? cursor, CancellationToken cancellationToken)
    {
        if (cursor is not null) Read(cursor);
        return WalkAsync(cursor, cancellationToken);
    }

    /// <summary>All jobs, newest first, with one request for each 5,000 and not one for each day.</summary>
    /// <param name="cancellationToken">Ends the listing.</param>
    public IAsyncEnumerable<IndexedJob> ListAllAsync(CancellationToken cancellationToken) => JobsBelowAsync("", cancellationToken);

    /// <summary>All jobs that were accepted before <paramref name="limit"/>, the oldest day first.</summary>
    /// <param name="limit">The time that ends the listing, exclusive.</param>
    /// <param name="cancellationToken">Cancels the listing.</param>
    public async IAsyncEnumerable<IndexedJob> ListOlderThanAsync(DateTimeOffset limit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var days = new List<string>();
        await foreach (var day in DaysAsync(cancellationToken)) days.Add(day);
        foreach (var day in days.Where(day => string.CompareOrdinal(day, DayOf(Countdown(limit))) >= 0).Reverse())
        {
            await foreach (var job in JobsBelowAsync($"{day}/", cancellationToken))
            {
                if (job.CreatedAt < limit) yield return job;
            }
        }
    }

    /// <summary>
    /// Whether every job has its entry, as far as known: false for an index that is new, lost or empty, or comes from an older version.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<bool> IsCompleteAsync(CancellationToken cancellationToken)
    {
        var properties = await _container.GetPropertiesAsync(cancellationToken: cancellationToken);
        if (!properties.Value.Metadata.ContainsKey(Complete)) return false;
        var pages = _container.GetBlobsAsync(cancellationToken: cancellationToken).AsPages(pageSizeHint: 1);
        return await pages.AnyAsync(page => page.Values.Count > 0, cancellationToken);
    }

    /// <summary>Notes that every job has its entry. The note is the container's own metadata: it is lost with the container.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task SetCompleteAsync(CancellationToken cancellationToken) =>
        _container.SetMetadataAsync(new Dictionary<string, string> { [Complete] = "true" }, cancellationToken: cancellationToken);

    private static long Countdown(DateTimeOffset at) => DateTimeOffset.MaxValue.UtcTicks - at.UtcTicks;

    // The end of time is the last tick of a day, so days stay aligned when counted down.
    private static string DayOf(long countdown) => (countdown / TimeSpan.TicksPerDay).ToString($"D{DayDigits}", CultureInfo.InvariantCulture);

    private static string CursorOf(string jobId, DateTimeOffset at) => $"{Countdown(at).ToString($"D{TickDigits}", CultureInfo.InvariantCulture)}-{jobId}";

    private static string NameOf(string jobId, DateTimeOffset at) => $"{DayOf(Countdown(at))}/{CursorOf(jobId, at)}";

    private static (string JobId, DateTimeOffset CreatedAt) Read(string cursor) =>
        cursor.Length > TickDigits + 1 && cursor[TickDigits] == '-'
        && long.TryParse(cursor.AsSpan(0, TickDigits), NumberStyles.None, CultureInfo.InvariantCulture, out var countdown)
        && countdown <= DateTimeOffset.MaxValue.UtcTicks
            ? (cursor[(TickDigits + 1)..], new(DateTimeOffset.MaxValue.UtcTicks - countdown, TimeSpan.Zero))
            : throw new FormatException("The cursor is none of this index.");

    private async IAsyncEnumerable<IndexedJob> WalkAsync(string? cursor, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var first = cursor is null ? "" : DayOf(Countdown(Read(cursor).CreatedAt));
        await foreach (var day in DaysAsync(cancellationToken))
        {
            if (string.CompareOrdinal(day, first) < 0) continue;
            await foreach (var job in JobsBelowAsync($"{day}/", cancellationToken))
            {
                if (day != first || string.CompareOrdinal(job.Cursor, cursor) > 0) yield return job;
            }
        }
    }

    private async IAsyncEnumerable<string> DaysAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var item in _container.GetBlobsByHierarchyAsync(new() { Delimiter = "/" }, cancellationToken)) yield return item.Prefix.TrimEnd('/');
    }

    private async IAsyncEnumerable<IndexedJob> JobsBelowAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in _container.GetBlobsAsync(new() { Prefix = prefix, Traits = BlobTraits.Metadata }, cancellationToken))
        {
            var cursor = blob.Name[(DayDigits + 1)..];
            var (jobId, createdAt) = Read(cursor);
            var (run, ended) = IndexMetadata.Read(blob.Metadata);
            yield return new(jobId, createdAt, cursor, run, ended, blob.Properties.ETag!.Value.ToString("G"));
        }
    }
}
