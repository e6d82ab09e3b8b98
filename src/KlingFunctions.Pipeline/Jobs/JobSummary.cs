using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>
/// The facts of an ended job that a <see cref="JobFilter"/> compares, for an index beside the engine. The metadata are kept as digests: ASCII,
/// under 7 KB for the largest metadata that a request may have, and no second copy of the owner's data.
/// </summary>
/// <param name="Status">The status in which it ended.</param>
/// <param name="Batch">The id of its batch; null if it came alone.</param>
/// <param name="Metadata">A digest of each property of its metadata, one after the other; null if there are none.</param>
public sealed record JobSummary(JobStatus Status, string? Batch, string? Metadata)
{
    // 64 bits: unequal properties practically never share a digest.
    private const int DigestBytes = 8;
    private const int DigestLength = 11;

    /// <summary>The summary of a job; null while it runs.</summary>
    public static JobSummary? Of(JobSnapshot job)
    {
        if (job.IsRunning || !job.State.HasEnded()) return null;
        var digests = job.Job.Request.Metadata is { ValueKind: JsonValueKind.Object } metadata
            ? string.Concat(metadata.EnumerateObject().Select(property => DigestOf(property.Name, JobFilter.TextOf(property.Value))))
            : "";
        return new(job.State.Status, job.Job.Batch?.Id, digests.Length > 0 ? digests : null);
    }

    /// <summary>Whether the metadata have this property with this value, as <see cref="JobFilter.Metadata"/> compares them.</summary>
    public bool HasMetadata(string name, string value)
    {
        var wanted = DigestOf(name, value);
        for (var at = 0; at + DigestLength <= Metadata?.Length; at += DigestLength)
        {
            if (Metadata.AsSpan(at, DigestLength).SequenceEqual(wanted)) return true;
        }
        return false;
    }

    // With the length of the name, no other name and value make the same text.
    private static string DigestOf(string name, string value) => Base64Url.EncodeToString(
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name.Length}:{name}{value}"))).AsSpan(0, DigestBytes));
}
