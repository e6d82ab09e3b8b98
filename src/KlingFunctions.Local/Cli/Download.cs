using System.Net;
using System.Security.Cryptography;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>
/// Copies a video from a host into a file. Bytes are appended to <c>FILE.part</c>, which a later call continues after an interruption. The
/// file gets its name when its SHA-256 equals the one from the host.
/// </summary>
internal sealed class Download(Deployment deployment, TimeProvider time)
{
    private const int MaxTries = 5;

    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Says in a sentence why no video can be saved under this name; null if it can. Called before the video is paid for.
    /// </summary>
    public static string? FaultOf(string file)
    {
        if (file is "-") return "'-', for stdout, is not supported: name a file, such as video.mp4.";
        if (file.Length == 0 || Path.EndsInDirectorySeparator(file) || Directory.Exists(file))
            return $"'{file}' is a folder: name a file in it, such as {Path.Combine(file.Length == 0 ? "." : file, "video.mp4")}.";
        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file)))) return $"There is no folder for '{file}': make it first.";
        var part = file + ".part";
        var isNew = !File.Exists(part);
        try
        {
            using (File.Open(part, FileMode.OpenOrCreate, FileAccess.ReadWrite)) { }
            if (isNew) File.Delete(part);
            using (File.Exists(file) ? File.OpenWrite(file) : null) { }
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"'{file}' can't be written: {e.Message}";
        }
    }

    /// <summary>The file with this name in a job's result.</summary>
    /// <exception cref="ExitException">The result has no such file: the message lists the names.</exception>
    public static VideoFile FileOf(VideoResource job, string name) => job.Outputs.FirstOrDefault(file => file.Name == name)
        ?? throw new ExitException(ExitCodes.BadData, $"The result has no file '{name}'. It has: {string.Join(", ", job.Outputs.Select(file => file.Name))}.");

    /// <summary>Copies the file.</summary>
    /// <exception cref="ExitException">The file can't be written, or the download is incomplete.</exception>
    public async Task ToFileAsync(string jobId, VideoFile video, string file, CancellationToken cancellationToken)
    {
        var part = file + ".part";
        try
        {
            for (var tries = 1; ; tries++)
            {
                try
                {
                    if (await GrowAsync(jobId, video, part, cancellationToken)) break;
                }
                catch (Exception e) when (e is HttpRequestException or HttpIOException)
                {
                    if (tries == MaxTries)
                        throw new ExitException(ExitCodes.Unavailable, $"The download was interrupted: {e.Message} The first part is in {part}: the same command continues it.");
                    await Task.Delay(TryAgainAfter, time, cancellationToken);
                    continue;
                }
                // The part belongs to another file, or is damaged.
                File.Delete(part);
                if (tries == MaxTries) throw new ExitException(ExitCodes.Unavailable, "The download does not have the SHA-256 that the host gave: nothing was saved.");
            }
            File.Move(part, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExitException(ExitCodes.CantCreate, $"The video can't be saved as '{file}': {e.Message}");
        }
    }

    /// <summary>Fetches the missing bytes; true if the file is now complete.</summary>
    private async Task<bool> GrowAsync(string jobId, VideoFile video, string part, CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (stream.Length > video.SizeBytes) stream.SetLength(0);
        if (stream.Length < video.SizeBytes)
        {
            using var response = await deployment.OpenAsync($"/api/videos/{Uri.EscapeDataString(jobId)}/content?output={Uri.EscapeDataString(video.Name)}", stream.Length, cancellationToken);
            if (response.StatusCode is not HttpStatusCode.PartialContent) stream.SetLength(0);
            stream.Seek(0, SeekOrigin.End);
            await response.Content.CopyToAsync(stream, cancellationToken);
        }
        stream.Seek(0, SeekOrigin.Begin);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)) == video.Sha256;
    }
}
