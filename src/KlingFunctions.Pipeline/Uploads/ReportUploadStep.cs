using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>An upload whose job ended.</summary>
/// <param name="Path">The upload.</param>
/// <param name="Error">Why the job failed; null if a resumed one did not fail again.</param>
/// <param name="JobId">The job; null in workflows that began with an older version.</param>
/// <param name="Request">The number of the upload's request, from 1; null if the upload is one request.</param>
public sealed record UploadFailure(string Path, JobError? Error, string? JobId = null, int? Request = null);

/// <summary>
/// Writes <c>name.error.json</c> beside an upload whose job failed: its uploader looks there, and perhaps nowhere else. Deletes it when the
/// job was resumed and succeeded.
/// </summary>
internal sealed class ReportUploadStep(IUploads uploads)
{
    /// <summary>Writes or deletes the report.</summary>
    public async Task<bool> RunAsync(UploadFailure failure, CancellationToken cancellationToken)
    {
        var report = Upload.ErrorReportPath(failure.Path, failure.Request);
        if (failure.Error is not { } error)
        {
            await uploads.DeleteReportAsync(report, cancellationToken);
            return true;
        }
        var faults = error.Details ?? [new Fault("", error.Code, error.Message)];
        await uploads.WriteReportAsync(report, Upload.ErrorReport(failure.Path, faults, error.Message, failure.JobId, failure.Request), cancellationToken);
        return true;
    }
}
