using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>An upload whose job failed.</summary>
/// <param name="Path">The upload.</param>
/// <param name="Error">Why.</param>
public sealed record UploadFailure(string Path, JobError Error);

/// <summary>Leaves <c>name.error.json</c> beside an upload whose job failed: who uploads looks there, and perhaps nowhere else.</summary>
public sealed class ReportUploadStep(IUploads uploads)
{
    /// <summary>Writes the report.</summary>
    public async Task<bool> RunAsync(UploadFailure failure, CancellationToken cancel)
    {
        var faults = failure.Error.Details ?? [new Fault("", failure.Error.Code, failure.Error.Message)];
        await uploads.WriteReportAsync(Upload.ErrorReportPath(failure.Path), Upload.ErrorReport(failure.Path, faults, failure.Error.Message), cancel);
        return true;
    }
}
