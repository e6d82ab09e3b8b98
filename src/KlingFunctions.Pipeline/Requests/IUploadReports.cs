namespace KlingFunctions.Pipeline.Requests;

/// <summary>Leaves a readable report beside an upload that came to nothing: <c>name.error.json</c>.</summary>
public interface IUploadReports
{
    /// <summary>Writes the report, over an older one.</summary>
    /// <param name="path">The report's path, beside the upload.</param>
    /// <param name="content">UTF-8 JSON.</param>
    /// <param name="cancel">Ends the call.</param>
    Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancel);
}
