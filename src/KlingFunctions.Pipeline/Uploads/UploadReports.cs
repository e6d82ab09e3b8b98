using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>The reports beside uploads.</summary>
public sealed class UploadReports(IUploads uploads)
{
    // Longer than any report.
    private const int MaxReport = 1024 * 1024;

    /// <summary>Writes a report beside an upload that has faults.</summary>
    /// <returns>The report's path.</returns>
    public async Task<string> WriteAsync(string path, IReadOnlyList<Fault> faults, CancellationToken cancellationToken, string message = Upload.NothingStarted)
    {
        var report = Upload.ErrorReportPath(path);
        await uploads.WriteReportAsync(report, Upload.ErrorReport(path, faults, message), cancellationToken);
        return report;
    }

    /// <summary>Deletes the report on an upload that was refused before. Other files of that name stay.</summary>
    /// <param name="path">The upload.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <param name="request">The number of its request, from 1; null: the upload as a whole.</param>
    public async Task DeleteAsync(string path, CancellationToken cancellationToken, int? request = null)
    {
        var report = Upload.ErrorReportPath(path, request);
        if (await uploads.ReadAsync(report, MaxReport, cancellationToken) is { } there && Upload.UploadOf(there.Bytes) == path)
            await uploads.DeleteReportAsync(report, cancellationToken);
    }
}
