using System.Net;
using System.Security.Cryptography;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>
/// Copies a video from a host into a file. It grows as <c>FILE.part</c>, goes on from there after a break, and gets its name when its
/// SHA-256 is the one that the host gave.
/// </summary>
internal sealed class Download(Deployment deployment, TimeProvider time)
{
    private const int MaxTries = 5;

    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(1);

    /// <summary>Why no video can be saved under this name, in a sentence; null if one can. For finding out before the video is paid for.</summary>
    public static string? FaultOf(string file)
    {
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

    /// <summary>Copies it.</summary>
    /// <exception cref="ExitException">The file can't be written, or the video does not come whole.</exception>
    public async Task ToFileAsync(string jobId, VideoFile video, string file, CancellationToken cancel)
    {
        var part = file + ".part";
        try
        {
            for (var tries = 1; ; tries++)
            {
                try
                {
                    if (await GrowAsync(jobId, video, part, cancel)) break;
                }
                catch (Exception e) when (e is HttpRequestException or HttpIOException)
                {
                    if (tries == MaxTries)
                        throw new ExitException(ExitCodes.Unavailable, $"The download broke off: {e.Message} What came is kept in {part}: the same command goes on from there.");
                    await Task.Delay(TryAgainAfter, time, cancel);
                    continue;
                }
                // It was the part of something else, or was spoilt on the way.
                File.Delete(part);
                if (tries == MaxTries) throw new ExitException(ExitCodes.Unavailable, "What comes is not the video whose SHA-256 the host gave: nothing was saved.");
            }
            File.Move(part, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExitException(ExitCodes.CantCreate, $"The video can't be saved as '{file}': {e.Message}");
        }
    }

    /// <summary>Fetches what is missing; true if the part is now the video.</summary>
    private async Task<bool> GrowAsync(string jobId, VideoFile video, string part, CancellationToken cancel)
    {
        await using var stream = new FileStream(part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (stream.Length > video.SizeBytes) stream.SetLength(0);
        if (stream.Length < video.SizeBytes)
        {
            using var response = await deployment.OpenAsync($"/api/videos/{Uri.EscapeDataString(jobId)}/content", stream.Length, cancel);
            if (response.StatusCode is not HttpStatusCode.PartialContent) stream.SetLength(0);
            stream.Seek(0, SeekOrigin.End);
            await response.Content.CopyToAsync(stream, cancel);
        }
        stream.Seek(0, SeekOrigin.Begin);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancel)) == video.Sha256;
    }
}
