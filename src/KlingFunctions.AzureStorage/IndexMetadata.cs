using System.Globalization;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.AzureStorage;

/// <summary>An entry of the index as blob metadata: the run that it is about, and the job's summary once that run has ended.</summary>
internal static class IndexMetadata
{
    private const string Run = "run";
    private const string Status = "status";
    private const string Batch = "batch";
    private const string Metadata = "metadata";

    private static readonly Dictionary<string, JobStatus> Ends =
        new[] { JobStatus.Succeeded, JobStatus.Failed, JobStatus.Cancelled }.ToDictionary(JsonWord.Of, StringComparer.Ordinal);

    /// <summary>Writes an entry.</summary>
    public static Dictionary<string, string> Of(int run, JobSummary? ended)
    {
        var metadata = new Dictionary<string, string>();
        if (run > 0) metadata[Run] = run.ToString(CultureInfo.InvariantCulture);
        if (ended is null) return metadata;
        metadata[Status] = JsonWord.Of(ended.Status);
        if (ended.Batch is { } batch) metadata[Batch] = batch;
        if (ended.Metadata is { } digests) metadata[Metadata] = digests;
        return metadata;
    }

    /// <summary>Reads an entry. One that another version wrote otherwise has no summary.</summary>
    public static (int Run, JobSummary? Ended) Read(IDictionary<string, string>? metadata)
    {
        if (metadata is null) return (0, null);
        _ = int.TryParse(metadata.TryGetValue(Run, out var number) ? number : "0", NumberStyles.None, CultureInfo.InvariantCulture, out var run);
        if (!metadata.TryGetValue(Status, out var word) || !Ends.TryGetValue(word, out var status)) return (run, null);
        return (run, new(status, metadata.TryGetValue(Batch, out var batch) ? batch : null, metadata.TryGetValue(Metadata, out var digests) ? digests : null));
    }
}
