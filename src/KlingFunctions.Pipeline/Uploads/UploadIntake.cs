using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
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

    /// <summary>It starts nothing: it is no request, image or recipe, or is not there any more.</summary>
    Nothing,
}

/// <summary>
/// Turns what lands among the uploads into jobs. The job's id comes from path and version, so an event that is delivered twice, late or
/// out of order starts nothing twice.
/// </summary>
public sealed partial class UploadIntake(
    IUploads uploads, UploadReader reader, JobIntake intake, IJobs jobs, IOptions<PipelineOptions> options, TimeProvider time,
    ILogger<UploadIntake> logger)
{
    // A request that is longer than a call's may be is read far enough to be refused.
    private const int MaxJson = RequestReader.MaxBytes;

    /// <summary>Takes the file at <paramref name="path"/> as it is now.</summary>
    /// <param name="path">Below the root of the uploads, with <c>/</c> between its parts.</param>
    /// <param name="baseUrl">Under which the job's links are built.</param>
    /// <param name="cancel">Ends the call.</param>
    public async Task<UploadOutcome> TakeAsync(string path, string baseUrl, CancellationToken cancel)
    {
        switch (Upload.KindOf(path))
        {
            case UploadKind.Request:
                if (await uploads.ReadAsync(path, MaxJson, cancel) is not { } request) return UploadOutcome.Nothing;
                return await HandInAsync(request.File, TooLong(request.Bytes) ?? reader.ReadRequest(path, request.Bytes), baseUrl, cancel);
            case UploadKind.Image:
                return await uploads.FindAsync(path, cancel) is { } image ? await TakeImageAsync(image, baseUrl, cancel) : UploadOutcome.Nothing;
            case UploadKind.Recipe:
                return await TakeImagesBesideAsync(path, baseUrl, cancel);
            default:
                return UploadOutcome.Nothing;
        }
    }

    private async Task<UploadOutcome> TakeImageAsync(UploadedFile image, string baseUrl, CancellationToken cancel)
    {
        // It has its job, whatever the recipe says by now.
        if (await jobs.GetAsync(Upload.JobId(image.Path, image.ETag), cancel) is not null) return UploadOutcome.Started;
        if (await uploads.ReadAsync(Upload.RecipePath(image.Path), MaxJson, cancel) is not { } recipe) return UploadOutcome.NoRecipe;
        return await HandInAsync(image, TooLong(recipe.Bytes) ?? reader.ReadImage(image.Path, recipe.Bytes), baseUrl, cancel);
    }

    /// <summary>The images that came before their recipe: events keep no order, and people upload folders in any.</summary>
    private async Task<UploadOutcome> TakeImagesBesideAsync(string recipePath, string baseUrl, CancellationToken cancel)
    {
        var outcome = UploadOutcome.Nothing;
        var keepFor = options.Value.KeepFor;
        await foreach (var file in uploads.ListAsync(Upload.FolderOf(recipePath), cancel))
        {
            // Of an older one it may be forgotten that it had its job.
            var mayBeForgotten = keepFor > TimeSpan.Zero && file.ModifiedAt < time.GetUtcNow() - keepFor;
            if (Upload.KindOf(file.Path) is UploadKind.Image && !mayBeForgotten) outcome = await TakeImageAsync(file, baseUrl, cancel);
        }
        return outcome;
    }

    private async Task<UploadOutcome> HandInAsync(UploadedFile file, RequestReading reading, string baseUrl, CancellationToken cancel)
    {
        if (reading.Request is null)
        {
            var report = Upload.ErrorReportPath(file.Path);
            await uploads.WriteReportAsync(report, Upload.ErrorReport(file.Path, reading.Faults), cancel);
            LogRefused(logger, file.Path, reading.Faults.Count, report);
            return UploadOutcome.Refused;
        }
        var id = Upload.JobId(file.Path, file.ETag);
        await intake.HandInAsync(id, reading, baseUrl, file.Path, cancel);
        LogTaken(logger, file.Path, id);
        return UploadOutcome.Started;
    }

    private static RequestReading? TooLong(byte[] json) => json.Length <= MaxJson ? null : new(
        null, [new("", ProblemCode.BodyTooLarge, $"The file is larger than {MaxJson / 1024} KiB. Name images by their paths or URLs, not inline.")], []);

    [LoggerMessage(LogLevel.Information, "The upload {Path} is job {JobId}.")]
    private static partial void LogTaken(ILogger logger, string path, string jobId);

    [LoggerMessage(LogLevel.Warning, "The upload {Path} has {Count} faults and starts nothing: see {Report} beside it.")]
    private static partial void LogRefused(ILogger logger, string path, int count, string report);
}
