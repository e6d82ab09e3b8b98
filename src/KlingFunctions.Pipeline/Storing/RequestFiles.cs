using System.Security.Cryptography;
using System.Text;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// The files of one paid request in the store. A job id may come again when its job is forgotten, and stored files stay: so a file belongs to
/// the request that made it, and never passes for another's. The first request of a job id has the plain names; a later one, whose names are
/// taken, adds a mark of its own to them.
/// </summary>
public sealed class RequestFiles(IVideoStore store)
{
    /// <summary>Looks a file up.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="requestId">RunComfy's id of the paid request.</param>
    /// <param name="name">The output's name, such as <c>video</c>.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The file if it is stored, and the name that the store has, or is to have, for it.</returns>
    public async Task<(StoredFile? File, string StoredName)> FindAsync(string jobId, string requestId, string name, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(jobId, name, cancellationToken) is not { } there) return (null, name);
        if (there.RequestId == requestId) return (Plain(there, name), name);
        var marked = Marked(name, requestId);
        return (await store.FindAsync(jobId, marked, cancellationToken) is { } own ? Plain(own, name) : null, marked);
    }

    /// <summary>Where a stored file can be had; null if it is not stored.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="requestId">RunComfy's id of the paid request; null for a job of which it is not known.</param>
    /// <param name="name">The output's name.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<VideoLocation?> LocateAsync(string jobId, string? requestId, string name, CancellationToken cancellationToken)
    {
        var first = await store.LocateAsync(jobId, name, cancellationToken);
        if (requestId is null || first?.File.RequestId == requestId) return Plain(first, name);
        // A file without an id was stored by an older version.
        return Plain(await store.LocateAsync(jobId, Marked(name, requestId), cancellationToken) ?? (first?.File.RequestId is null ? first : null), name);
    }

    /// <summary>A stored file as the job lists it.</summary>
    internal static StoredFile Plain(StoredFile file, string name) => file with { Name = name, RequestId = null };

    private static VideoLocation? Plain(VideoLocation? location, string name) =>
        location is null ? null : location with { File = Plain(location.File, name) };

    private static string Marked(string name, string requestId) =>
        $"{name}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(requestId)))[..16]}";
}
