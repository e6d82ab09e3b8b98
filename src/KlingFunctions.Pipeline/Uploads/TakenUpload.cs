namespace KlingFunctions.Pipeline.Uploads;

/// <summary>
/// The record that an upload has its job. It lies with the uploads, not with the jobs: whatever becomes of the list of jobs, the same
/// content under the same path is never paid for again.
/// </summary>
/// <param name="Id">Path and content: see <see cref="Uploads.Upload.JobId"/>.</param>
/// <param name="Upload">The path.</param>
/// <param name="ETag">The version of the file that was read.</param>
/// <param name="TakenAt">When (UTC).</param>
public sealed record TakenUpload(string Id, string Upload, string ETag, DateTimeOffset TakenAt);
