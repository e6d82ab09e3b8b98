using System.Security.Cryptography;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>What came of an upload.</summary>
public enum UploadOutcome
{
    /// <summary>There is a job for it, started now or before.</summary>
    Started,

    /// <summary>It has faults: a report lies beside it, and it is not tried again.</summary>
    Refused,

    /// <summary>An image whose folder has no recipe, as yet.</summary>
    NoRecipe,

    /// <summary>It, or the recipe that it needs, is not whole, and may still be growing.</summary>
    Unfinished,

    /// <summary>It starts nothing: it is no request, image or recipe, or is not there any more.</summary>
    Nothing,
}

/// <summary>
/// Turns what lands among the uploads into jobs. The job's id comes from path and content, so an event that is delivered twice, late or
/// out of order starts nothing twice, and neither does a file that is touched, copied back or restored.
/// </summary>
public sealed partial class UploadIntake(
    IUploads uploads, UploadReader reader, JobIntake intake, IJobs jobs, IOptions<PipelineOptions> options, TimeProvider time,
    ILogger<UploadIntake> logger)
{
    // A request that is longer than a call's may be is read far enough to be refused.
    private const int MaxJson = RequestReader.MaxBytes;

    // Longer than any report.
    private const int MaxReport = 1024 * 1024;

    /// <summary>Takes the file at <paramref name="path"/> as it is now.</summary>
    /// <param name="path">Below the root of the uploads, with <c>/</c> between its parts.</param>
    /// <param name="baseUrl">Under which the job's links are built.</param>
    /// <param name="mayGrow">
    /// Whether it may still be being written: then a file that is not whole is no fault. False for a blob, which appears whole.
    /// </param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<UploadOutcome> TakeAsync(string path, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        switch (Upload.KindOf(path))
        {
            case UploadKind.Request:
                return await TakeRequestAsync(path, baseUrl, mayGrow, cancellationToken);
            case UploadKind.Image:
                return await TakeImageAsync(path, baseUrl, mayGrow, cancellationToken);
            case UploadKind.Recipe:
                return await TakeImagesBesideAsync(path, baseUrl, mayGrow, cancellationToken);
            case UploadKind.UnsupportedImage when await uploads.FindAsync(path, cancellationToken) is not null:
                return await RefuseAsync(path, FaultCode.ImageNotAnImage, "RunComfy takes JPEG, PNG and WebP images: convert this one.", cancellationToken);
            case UploadKind.Other when !Upload.IsHidden(path):
                LogStray(logger, path);
                return UploadOutcome.Nothing;
            default:
                return UploadOutcome.Nothing;
        }
    }

    /// <summary>Refuses an upload for one fault, in a report beside it.</summary>
    public Task<UploadOutcome> RefuseAsync(string path, string code, string message, CancellationToken cancellationToken) =>
        ReportAsync(path, [new("", code, message)], cancellationToken);

    private async Task<UploadOutcome> TakeRequestAsync(string path, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        if (await uploads.ReadAsync(path, MaxJson, cancellationToken) is not { } request) return UploadOutcome.Nothing;
        if (mayGrow && JsonBody.IsCutOff(request.Bytes)) return UploadOutcome.Unfinished;
        var id = Upload.JobId(path, Convert.ToHexStringLower(SHA256.HashData(request.Bytes)));
        if (await HasJobAsync(request.File, id, cancellationToken)) return UploadOutcome.Started;
        return await HandInAsync(request.File, id, TooLong(request.Bytes) ?? reader.ReadRequest(path, request.Bytes), baseUrl, cancellationToken);
    }

    private async Task<UploadOutcome> TakeImageAsync(string path, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        if (await ReadRecipeAsync(path, cancellationToken) is not { } recipe)
        {
            if (await uploads.FindAsync(path, cancellationToken) is null) return UploadOutcome.Nothing;
            LogNoRecipe(logger, path);
            return UploadOutcome.NoRecipe;
        }
        if (await uploads.OpenAsync(path, cancellationToken) is not { } image) return UploadOutcome.Nothing;
        var (state, hash) = await ReadImageAsync(image.Content, cancellationToken);
        if (mayGrow && state is not ImageFileState.Whole) return UploadOutcome.Unfinished;
        var id = Upload.JobId(path, hash);
        // It has its job, whatever the recipe says by now.
        if (await HasJobAsync(image.File, id, cancellationToken)) return UploadOutcome.Started;
        if (mayGrow && JsonBody.IsCutOff(recipe)) return UploadOutcome.Unfinished;
        return state switch
        {
            ImageFileState.CutOff => await RefuseAsync(
                path, FaultCode.ImageNotAnImage, "The image breaks off before its end: upload it again, whole.", cancellationToken),
            ImageFileState.NotAnImage => await RefuseAsync(
                path, FaultCode.ImageNotAnImage, "The file is neither JPEG nor PNG nor WebP, whatever its name says: convert it.", cancellationToken),
            _ => await HandInAsync(image.File, id, TooLong(recipe) ?? reader.ReadImage(path, recipe), baseUrl, cancellationToken),
        };
    }

    /// <summary>The images that came before their recipe: events keep no order, and people upload folders in any.</summary>
    private async Task<UploadOutcome> TakeImagesBesideAsync(string recipePath, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        var outcome = UploadOutcome.Nothing;
        var keepFor = options.Value.KeepFor;
        await foreach (var file in uploads.ListAsync(Upload.FolderOf(recipePath), cancellationToken))
        {
            if (Upload.KindOf(file.Path) is not UploadKind.Image) continue;
            // An older version may have started its job, of which there is no record then.
            if (keepFor > TimeSpan.Zero && file.ModifiedAt < time.GetUtcNow() - keepFor) LogTooOld(logger, file.Path, keepFor);
            else outcome = await TakeImageAsync(file.Path, baseUrl, mayGrow, cancellationToken);
        }
        return outcome;
    }

    /// <summary>The bytes of the recipe beside an image, whatever the case of its name; null if there is none.</summary>
    private async Task<byte[]?> ReadRecipeAsync(string imagePath, CancellationToken cancellationToken)
    {
        if (await uploads.ReadAsync(Upload.RecipePath(imagePath), MaxJson, cancellationToken) is { } recipe) return recipe.Bytes;
        var others = new List<string>();
        await foreach (var file in uploads.ListAsync(Upload.FolderOf(imagePath), cancellationToken))
            if (Upload.KindOf(file.Path) is UploadKind.Recipe) others.Add(file.Path);
        return others.Min(StringComparer.Ordinal) is { } other ? (await uploads.ReadAsync(other, MaxJson, cancellationToken))?.Bytes : null;
    }

    private static async Task<(ImageFileState State, string Hash)> ReadImageAsync(Stream content, CancellationToken cancellationToken)
    {
        using var sha = SHA256.Create();
        await using var hashed = new CryptoStream(content, sha, CryptoStreamMode.Read);
        var state = await ImageFile.ReadAsync(hashed, cancellationToken);
        await hashed.CopyToAsync(Stream.Null, cancellationToken);
        return (state, Convert.ToHexStringLower(sha.Hash!));
    }

    private async Task<bool> HasJobAsync(UploadedFile file, string id, CancellationToken cancellationToken)
    {
        if (await uploads.IsTakenAsync(id, cancellationToken)) return true;
        // Older versions took the ETag for the content.
        var older = Upload.JobId(file.Path, file.ETag);
        var job = await jobs.GetAsync(id, cancellationToken) ?? await jobs.GetAsync(older, cancellationToken);
        if (job is null && !await uploads.IsTakenAsync(older, cancellationToken)) return false;
        if (job?.State.Status is not JobStatus.Failed) await DeleteReportAsync(file.Path, cancellationToken);
        await RecordAsync(file, id, cancellationToken);
        return true;
    }

    private async Task<UploadOutcome> HandInAsync(
        UploadedFile file, string id, RequestReading reading, string baseUrl, CancellationToken cancellationToken)
    {
        if (reading.Request is null) return await ReportAsync(file.Path, reading.Faults, cancellationToken);
        // Before the job starts, which may fail at once and leave its own.
        await DeleteReportAsync(file.Path, cancellationToken);
        await intake.HandInAsync(id, reading, baseUrl, file.Path, cancellationToken);
        LogTaken(logger, file.Path, id);
        await RecordAsync(file, id, cancellationToken);
        return UploadOutcome.Started;
    }

    private async Task RecordAsync(UploadedFile file, string id, CancellationToken cancellationToken)
    {
        if (!await uploads.TryRecordAsync(new(id, file.Path, file.ETag, time.GetUtcNow()), cancellationToken))
            throw new IOException("The uploads are away: that this one has its job could not be recorded.");
    }

    private async Task<UploadOutcome> ReportAsync(string path, IReadOnlyList<Fault> faults, CancellationToken cancellationToken)
    {
        var report = Upload.ErrorReportPath(path);
        await uploads.WriteReportAsync(report, Upload.ErrorReport(path, faults), cancellationToken);
        LogRefused(logger, path, faults.Count, report);
        return UploadOutcome.Refused;
    }

    /// <summary>Deletes the report on an upload that was refused before. A file of that name that is no report of ours stays.</summary>
    private async Task DeleteReportAsync(string path, CancellationToken cancellationToken)
    {
        var report = Upload.ErrorReportPath(path);
        if (await uploads.ReadAsync(report, MaxReport, cancellationToken) is { } there && Upload.UploadOf(there.Bytes) == path)
            await uploads.DeleteReportAsync(report, cancellationToken);
    }

    private static RequestReading? TooLong(byte[] json) => json.Length <= MaxJson ? null : new(
        null, [new("", ProblemCode.BodyTooLarge, $"The file is larger than {MaxJson / 1024} KiB. Name images by their paths or URLs, not inline.")], []);

    [LoggerMessage(LogLevel.Information, "The upload {Path} is job {JobId}.")]
    private static partial void LogTaken(ILogger logger, string path, string jobId);

    [LoggerMessage(LogLevel.Warning, "The upload {Path} has {Count} faults and starts nothing: see {Report} beside it.")]
    private static partial void LogRefused(ILogger logger, string path, int count, string report);

    [LoggerMessage(LogLevel.Information, "The file {Path} starts nothing: uploads are requests (.json) and images (JPEG, PNG, WebP).")]
    private static partial void LogStray(ILogger logger, string path);

    [LoggerMessage(LogLevel.Information, "The image {Path} starts nothing by itself: put a _recipe.json beside it, or name it in a request.")]
    private static partial void LogNoRecipe(ILogger logger, string path);

    [LoggerMessage(LogLevel.Warning, "The image {Path} is older than Pipeline:KeepFor ({KeepFor}) and was not taken with its recipe: upload it again.")]
    private static partial void LogTooOld(ILogger logger, string path, TimeSpan keepFor);
}
