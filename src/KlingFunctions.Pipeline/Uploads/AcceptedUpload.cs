namespace KlingFunctions.Pipeline.Uploads;

/// <summary>
/// The record that an upload has its job. It is stored with the uploads, not with the jobs: even if the list of jobs is lost, the same
/// content under the same path is never paid for again.
/// </summary>
/// <param name="Id">Path and content: see <see cref="Uploads.Upload.JobId"/>.</param>
/// <param name="Upload">The path.</param>
/// <param name="ETag">The version of the file that was read.</param>
/// <param name="TakenAt">When (UTC).</param>
public sealed record AcceptedUpload(string Id, string Upload, string ETag, DateTimeOffset TakenAt);
