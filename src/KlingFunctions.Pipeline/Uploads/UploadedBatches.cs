using System.Globalization;
using System.Security.Cryptography;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Json;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>
/// Turns a <c>name.jsonl</c>, one request a line, into a batch of jobs. The id of each job comes from the path and the line, and each has
/// its own record as an upload: after lines are corrected, added or moved, a new upload of the file pays for the changed lines alone.
/// </summary>
public sealed partial class UploadedBatches(
    IUploads uploads, UploadReader reader, UploadReports reports, BatchIntake batchIntake, JobIntake intake, IJobs jobs, TimeProvider time,
    ILogger<UploadedBatches> logger)
{
    private static readonly RequestReading TooLong = new(
        null, [new("", ProblemCode.BodyTooLarge, $"The request is larger than {RequestReader.MaxBytes / 1024} KiB. Name images by their paths or URLs, not inline.")], []);

    /// <summary>Processes the current version of the file at <paramref name="path"/>.</summary>
    /// <inheritdoc cref="UploadIntake.AcceptAsync"/>
    public async Task<UploadOutcome> AcceptAsync(string path, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        if (await uploads.ReadAsync(path, BatchBody.MaxBytes, cancellationToken) is not var (file, bytes)) return UploadOutcome.Nothing;
        if (mayGrow && BatchBody.IsCutOff(bytes)) return UploadOutcome.Unfinished;
        if (bytes.Length > BatchBody.MaxBytes)
            return await RefuseAsync(path, [new("", ProblemCode.BodyTooLarge, $"The file is larger than {BatchBody.MaxBytes / 1024 / 1024} MiB: split it.")], cancellationToken);
        var version = Upload.JobId(path, Hash(bytes));
        if (await uploads.IsAcceptedAsync(version, cancellationToken)) return UploadOutcome.Started;
        var (entries, fault) = BatchBody.Split(bytes);
        if (fault is not null) return await RefuseAsync(path, [fault], cancellationToken);

        var (items, meanings) = (ItemsOf(path, entries), MeaningsOf(path, entries));
        await batchIntake.AcceptAsync(Batches.IdOf(version), items, baseUrl, prepare: null, (item, place, cancellationToken) => AcceptItemAsync(path, baseUrl, item, meanings[place.Index], place, cancellationToken), cancellationToken);
        var faults = items.Index().SelectMany(i => i.Item.Reading.Faults.Select(f => new Fault($"/{i.Index}{f.Pointer}", f.Code, $"Request {i.Index + 1}: {f.Message}"))).ToList();
        if (faults.Count > 0)
        {
            var bad = items.Count(item => item.Reading.Request is null);
            return await RefuseAsync(
                path, faults, cancellationToken,
                $"{bad} of {items.Count} requests have faults and started nothing; the others have their jobs. Correct them and upload the file again: a request that has its job starts no second one.");
        }
        await reports.DeleteAsync(path, cancellationToken);
        // Last: without this record, the file is read again.
        await uploads.RecordAsync(new(version, path, file.ETag, time.GetUtcNow()), cancellationToken);
        LogTaken(logger, path, items.Count);
        return UploadOutcome.Started;
    }

    /// <summary>The requests. Equal lines are separate requests: a number distinguishes the second from the first.</summary>
    private List<BatchItem> ItemsOf(string path, IReadOnlyList<BatchEntry> entries)
    {
        return [.. entries.Zip(Numbered(entries, Hash), (entry, text) =>
        {
            var (line, number) = entry;
            var id = Upload.JobId(path, text.Before == 0 ? text.Hash : string.Create(CultureInfo.InvariantCulture, $"{text.Hash}#{text.Before}"));
            return new BatchItem(id, line, line.Length <= RequestReader.MaxBytes ? reader.ReadRequest(path, line, number) : TooLong);
        })];
    }

    /// <summary>The ids of the requests whatever their layout, numbered in the same way.</summary>
    private static List<string> MeaningsOf(string path, IReadOnlyList<BatchEntry> entries) =>
    [
        .. Numbered(entries, CanonicalJson.Fingerprint)
            .Select(text => Upload.MeaningId(path, string.Create(CultureInfo.InvariantCulture, $"{text.Hash}#{text.Before}"))),
    ];

    /// <summary>The hash of each request, with the number of equal ones before it.</summary>
    private static IEnumerable<(string Hash, int Before)> Numbered(IEnumerable<BatchEntry> entries, Func<ReadOnlySpan<byte>, string> hashOf)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            var hash = hashOf(entry.Bytes.Span);
            var before = seen[hash] = seen.GetValueOrDefault(hash, -1) + 1;
            yield return (hash, before);
        }
    }

    private async Task<Intake?> AcceptItemAsync(string path, string baseUrl, BatchItem item, string meaning, BatchPlace place, CancellationToken cancellationToken)
    {
        var job = await jobs.GetJobAsync(item.JobId, cancellationToken);
        if (job is null && (await uploads.IsAcceptedAsync(item.JobId, cancellationToken) || await uploads.IsAcceptedAsync(meaning, cancellationToken))) return null;
        // Before the job starts, because it may fail at once and write its own report.
        if (job is null) await reports.DeleteAsync(path, cancellationToken, place.Index + 1);
        var outcome = await intake.AcceptAsync(item.JobId, item.Reading, baseUrl, path, cancellationToken, place);
        // Without the file's version: its other requests may have no job yet.
        foreach (var id in new[] { item.JobId, meaning }) await uploads.RecordAsync(new(id, path, "", time.GetUtcNow()), cancellationToken);
        return outcome;
    }

    private async Task<UploadOutcome> RefuseAsync(
        string path, List<Fault> faults, CancellationToken cancellationToken, string message = Upload.NothingStarted)
    {
        LogRefused(logger, path, faults.Count, await reports.WriteAsync(path, faults, cancellationToken, message));
        return UploadOutcome.Refused;
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    [LoggerMessage(LogLevel.Information, "The upload {Path} is {Count} jobs.")]
    private static partial void LogTaken(ILogger logger, string path, int count);

    [LoggerMessage(LogLevel.Warning, "The upload {Path} is faulty. Faults: {Count}, see {Report} beside it.")]
    private static partial void LogRefused(ILogger logger, string path, int count, string report);
}
