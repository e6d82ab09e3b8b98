using System.Security.Cryptography;
using System.Text;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// The files of one paid request in the store. A job id can be used again once its job is deleted, but stored files stay: each file
/// therefore belongs to the request that made it. The first request of a job id has the plain names; later ones add a suffix.
/// </summary>
internal sealed class RequestFiles(IVideoStore store)
{
    /// <summary>Looks a file up.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="requestId">RunComfy's id of the paid request.</param>
    /// <param name="name">The output's name, such as <c>video</c>.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The file if it is stored, and its present or future name in the store.</returns>
    public async Task<(StoredFile? File, string StoredName)> FindAsync(string jobId, string requestId, string name, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(jobId, name, cancellationToken) is not { } there) return (null, name);
        if (there.RequestId == requestId) return (AsListed(there, name), name);
        var marked = Marked(name, requestId);
        return (await store.FindAsync(jobId, marked, cancellationToken) is { } own ? AsListed(own, name) : null, marked);
    }

    /// <summary>The location of a stored file; null if it is not stored.</summary>
    /// <param name="jobId">The job.</param>
    /// <param name="requestId">RunComfy's id of the paid request; null if the job does not know it.</param>
    /// <param name="name">The output's name.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<VideoLocation?> LocateAsync(string jobId, string? requestId, string name, CancellationToken cancellationToken)
    {
        var first = await store.LocateAsync(jobId, name, cancellationToken);
        if (requestId is null || first?.File.RequestId == requestId) return AsListed(first, name);
        // A file without an id was stored by an older version.
        return AsListed(await store.LocateAsync(jobId, Marked(name, requestId), cancellationToken) ?? (first?.File.RequestId is null ? first : null), name);
    }

    /// <summary>A stored file as the job lists it.</summary>
    internal static StoredFile AsListed(StoredFile file, string name) => file with { Name = name, RequestId = null };

    private static VideoLocation? AsListed(VideoLocation? location, string name) =>
        location is null ? null : location with { File = AsListed(location.File, name) };

    private static string Marked(string name, string requestId) =>
        $"{name}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(requestId)))[..16]}";
}
