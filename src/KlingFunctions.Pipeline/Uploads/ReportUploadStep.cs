using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Uploads;

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
