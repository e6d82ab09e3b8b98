using System.Security.Cryptography;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>The outcome of an upload.</summary>
public enum UploadOutcome
{
    /// <summary>The upload has a job, started now or before.</summary>
    Started,

    /// <summary>The upload has faults: a report lies beside it, and it is not tried again.</summary>
    Refused,

    /// <summary>An image whose folder has no recipe yet.</summary>
    NoRecipe,

    /// <summary>The upload, or its recipe, is incomplete, and may still be growing.</summary>
    Unfinished,

    /// <summary>The upload starts nothing: it is not a request, image or recipe, or does not exist any more.</summary>
    Nothing,
}

/// <summary>
/// Turns uploads into jobs. The job's id comes from path and content, so an event that is delivered twice, late or out of order starts
/// nothing twice, and neither does a file that is touched, copied back or restored.
/// </summary>
public sealed partial class UploadIntake(
    IUploads uploads, UploadReader reader, UploadReports reports, UploadedBatches batches, JobIntake intake, IJobs jobs, IOptions<PipelineOptions> options, TimeProvider time,
    ILogger<UploadIntake> logger)
{
    // A request above the size limit of HTTP is read only far enough to refuse it.
    private const int MaxJson = RequestReader.MaxBytes;

    /// <summary>Processes the current version of the file at <paramref name="path"/>.</summary>
    /// <param name="path">Below the root of the uploads, with <c>/</c> between its parts.</param>
    /// <param name="baseUrl">The base address of the job's links.</param>
    /// <param name="mayGrow">
    /// Whether the file may still be written: then an incomplete file is not a fault. False for a blob, which appears whole.
    /// </param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<UploadOutcome> AcceptAsync(string path, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        switch (Upload.KindOf(path))
        {
            case UploadKind.Request:
                return await TakeRequestAsync(path, baseUrl, mayGrow, cancellationToken);
            case UploadKind.Batch:
                return await batches.AcceptAsync(path, baseUrl, mayGrow, cancellationToken);
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
        var meaning = Upload.MeaningId(path, CanonicalJson.Fingerprint(request.Bytes));
        if (await HasJobAsync(request.File, id, meaning, cancellationToken)) return UploadOutcome.Started;
        return await AcceptRequestAsync(request.File, id, meaning, TooLong(request.Bytes) ?? reader.ReadRequest(path, request.Bytes), baseUrl, cancellationToken);
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
        var (state, hash, wholeFile) = await ReadImageAsync(image.Content, cancellationToken);
        if (mayGrow && state is not ImageFileState.Whole) return UploadOutcome.Unfinished;
        // Data behind the image may arrive later, and changes nothing.
        var id = Upload.JobId(path, hash);
        var (recipeFile, recipeBytes) = recipe;
        // The image has its job, even if the recipe has changed since.
        if (await HasJobAsync(image.File, id, meaning: null, cancellationToken)) return UploadOutcome.Started;
        // Older versions used the hash of the whole file.
        if (wholeFile != hash && await HasJobAsync(image.File, Upload.JobId(path, wholeFile), meaning: null, cancellationToken)) return UploadOutcome.Started;
        if (mayGrow && JsonBody.IsCutOff(recipeBytes)) return UploadOutcome.Unfinished;
        return state switch
        {
            ImageFileState.CutOff => await RefuseAsync(
                path, FaultCode.ImageNotAnImage, "The image breaks off before its end: upload it again, whole.", cancellationToken),
            ImageFileState.NotAnImage => await RefuseAsync(
                path, FaultCode.ImageNotAnImage, "The file is neither JPEG nor PNG nor WebP, whatever its name says: convert it.", cancellationToken),
            _ => await AcceptRequestAsync(
                image.File, id, meaning: null, TooLong(recipeBytes) ?? reader.ReadImage(path, recipeBytes), baseUrl, cancellationToken, new(path, hash),
                $"No video was started and nothing was paid. The faults are in the recipe {recipeFile.Path}: correct it, and the image is read again."),
        };
    }

    /// <summary>Processes images that came before their recipe: events have no order, and people upload folders in any.</summary>
    private async Task<UploadOutcome> TakeImagesBesideAsync(string recipePath, string baseUrl, bool mayGrow, CancellationToken cancellationToken)
    {
        var outcome = UploadOutcome.Nothing;
        var keepFor = options.Value.KeepFor;
        await foreach (var file in uploads.ListAsync(Upload.FolderOf(recipePath), cancellationToken))
        {
            if (Upload.KindOf(file.Path) is not UploadKind.Image) continue;
            // An older version may have started its job without leaving a record.
            if (keepFor > TimeSpan.Zero && file.ModifiedAt < time.GetUtcNow() - keepFor) LogTooOld(logger, file.Path, keepFor);
            else outcome = await TakeImageAsync(file.Path, baseUrl, mayGrow, cancellationToken);
        }
        return outcome;
    }

    /// <summary>The recipe beside an image, whatever the case of its name; null if there is none.</summary>
    private async Task<(UploadedFile File, byte[] Bytes)?> ReadRecipeAsync(string imagePath, CancellationToken cancellationToken)
    {
        if (await uploads.ReadAsync(Upload.RecipePath(imagePath), MaxJson, cancellationToken) is { } recipe) return recipe;
        var others = new List<string>();
        await foreach (var file in uploads.ListAsync(Upload.FolderOf(imagePath), cancellationToken))
            if (Upload.KindOf(file.Path) is UploadKind.Recipe) others.Add(file.Path);
        return others.Min(StringComparer.Ordinal) is { } other ? await uploads.ReadAsync(other, MaxJson, cancellationToken) : null;
    }

    private static async Task<(ImageFileState State, string Image, string File)> ReadImageAsync(Stream content, CancellationToken cancellationToken)
    {
        await using (content) return await ImageFile.HashAsync(content, cancellationToken);
    }

    private async Task<bool> HasJobAsync(UploadedFile file, string id, string? meaning, CancellationToken cancellationToken)
    {
        if (await uploads.IsAcceptedAsync(id, cancellationToken)) return true;
        if (meaning is not null && await uploads.IsAcceptedAsync(meaning, cancellationToken))
        {
            await RecordAsync(file, id, cancellationToken);
            return true;
        }
        // Older versions used the ETag instead of the content's hash.
        var older = Upload.JobId(file.Path, file.ETag);
        var job = await jobs.GetAsync(id, cancellationToken) ?? await jobs.GetAsync(older, cancellationToken);
        if (job is null && !await uploads.IsAcceptedAsync(older, cancellationToken)) return false;
        if (job?.State.Status is not JobStatus.Failed) await reports.DeleteAsync(file.Path, cancellationToken);
        await RecordAsync(file, id, cancellationToken);
        if (meaning is not null) await RecordAsync(file, meaning, cancellationToken);
        return true;
    }

    private async Task<UploadOutcome> AcceptRequestAsync(
        UploadedFile file, string id, string? meaning, RequestReading reading, string baseUrl, CancellationToken cancellationToken, UploadedImage? image = null,
        string refusal = Upload.NothingStarted)
    {
        if (reading.Request is null) return await ReportAsync(file.Path, reading.Faults, cancellationToken, refusal);
        // Before the job starts, because it may fail at once and write its own report.
        await reports.DeleteAsync(file.Path, cancellationToken);
        await intake.AcceptAsync(id, reading, baseUrl, file.Path, cancellationToken, image: image);
        LogTaken(logger, file.Path, id);
        await RecordAsync(file, id, cancellationToken);
        if (meaning is not null) await RecordAsync(file, meaning, cancellationToken);
        return UploadOutcome.Started;
    }

    private Task RecordAsync(UploadedFile file, string id, CancellationToken cancellationToken) =>
        uploads.RecordAsync(new(id, file.Path, file.ETag, time.GetUtcNow()), cancellationToken);

    private async Task<UploadOutcome> ReportAsync(
        string path, IReadOnlyList<Fault> faults, CancellationToken cancellationToken, string message = Upload.NothingStarted)
    {
        LogRefused(logger, path, faults.Count, await reports.WriteAsync(path, faults, cancellationToken, message));
        return UploadOutcome.Refused;
    }

    private static RequestReading? TooLong(byte[] json) => json.Length <= MaxJson ? null : new(
        null, [new("", ProblemCode.BodyTooLarge, $"The file is larger than {MaxJson / 1024} KiB. Name images by their paths or URLs, not inline.")], []);

    [LoggerMessage(LogLevel.Information, "The upload {Path} is job {JobId}.")]
    private static partial void LogTaken(ILogger logger, string path, string jobId);

    [LoggerMessage(LogLevel.Warning, "The upload {Path} starts nothing. Faults: {Count}, see {Report} beside it.")]
    private static partial void LogRefused(ILogger logger, string path, int count, string report);

    [LoggerMessage(LogLevel.Information, "The file {Path} starts nothing: uploads are requests (.json, or .jsonl with one a line) and images (JPEG, PNG, WebP).")]
    private static partial void LogStray(ILogger logger, string path);

    [LoggerMessage(LogLevel.Information, "The image {Path} alone starts no job: put a _recipe.json beside it, or name it in a request.")]
    private static partial void LogNoRecipe(ILogger logger, string path);

    [LoggerMessage(LogLevel.Warning, "The image {Path} is older than Pipeline:KeepFor ({KeepFor}) and was not taken with its recipe: upload it again.")]
    private static partial void LogTooOld(ILogger logger, string path, TimeSpan keepFor);
}
