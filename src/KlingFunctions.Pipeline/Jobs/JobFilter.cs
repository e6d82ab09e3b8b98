using System.Text.Json;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A filter for jobs. A property that is null or empty excludes none.</summary>
public sealed record JobFilter
{
    /// <summary>Every job.</summary>
    public static readonly JobFilter All = new();

    /// <summary>Only jobs in this status.</summary>
    public JobStatus? Status { get; init; }

    /// <summary>Only jobs accepted at this time or later (UTC).</summary>
    public DateTimeOffset? CreatedAfter { get; init; }

    /// <summary>Only jobs accepted before this time (UTC).</summary>
    public DateTimeOffset? CreatedBefore { get; init; }

    /// <summary>Only jobs of this batch.</summary>
    public string? Batch { get; init; }

    /// <summary>Only jobs whose metadata have these properties with these values: the text itself, or any other value as JSON.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether the filter includes the time of acceptance.</summary>
    public bool IncludesTime(DateTimeOffset createdAt) =>
        (CreatedAfter is not { } after || createdAt >= after) && (CreatedBefore is not { } before || createdAt < before);

    /// <summary>Whether the filter includes the job.</summary>
    public bool Includes(JobSnapshot job) =>
        Includes(job.State.Status, job.Job.Batch?.Id, job.Job.CreatedAt, (name, value) => HasMetadata(job.Job, name, value));

    /// <summary>Whether the filter includes an ended job that was accepted at this time.</summary>
    public bool Includes(JobSummary job, DateTimeOffset createdAt) => Includes(job.Status, job.Batch, createdAt, job.HasMetadata);

    /// <summary>The text that a value of the metadata is compared with.</summary>
    internal static string TextOf(JsonElement value) => value.ValueKind is JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private bool Includes(JobStatus status, string? batch, DateTimeOffset createdAt, Func<string, string, bool> hasMetadata) =>
        (Status is null || status == Status) && (Batch is null || batch == Batch) && IncludesTime(createdAt)
        && Metadata.All(wanted => hasMetadata(wanted.Key, wanted.Value));

    private static bool HasMetadata(VideoJob job, string name, string value) =>
        job.Request.Metadata is { ValueKind: JsonValueKind.Object } metadata && metadata.TryGetProperty(name, out var there) && TextOf(there) == value;
}
