using System.Globalization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>
/// Reads a job filter from a query: <c>status</c>, <c>created_after</c>, <c>created_before</c>, <c>batch</c> and <c>metadata.NAME</c>.
/// </summary>
internal static class JobFilterQuery
{
    /// <summary>The prefix of a parameter that is compared with a property of the metadata.</summary>
    public const string MetadataPrefix = "metadata.";

    private const int MaxMetadata = 5;

    /// <summary>The filter. Faults are added to the list.</summary>
    public static JobFilter Read(IQueryCollection query, List<Fault> faults)
    {
        JobStatus? status = null;
        if (query["status"].ToString() is { Length: > 0 } word && (status = StatusOf(word)) is null)
        {
            var known = string.Join(", ", Enum.GetValues<JobStatus>().Select(JsonWord.Of));
            faults.Add(new("/status", FaultCode.NotAllowedValue, $"There is no status '{word}': it is one of {known}."));
        }
        var metadata = query.Where(p => p.Key.StartsWith(MetadataPrefix, StringComparison.Ordinal)).ToDictionary(p => p.Key[MetadataPrefix.Length..], p => p.Value.ToString());
        if (metadata.Count > MaxMetadata) faults.Add(new("/metadata", FaultCode.NotAllowedValue, $"At most {MaxMetadata} properties of the metadata can be asked for at once."));
        foreach (var name in metadata.Keys.Where(name => name.Length == 0 || name.AsSpan().IndexOfAny('"', '\\') >= 0))
            faults.Add(new($"/{MetadataPrefix}{name}", FaultCode.NotAllowedValue, "The name of a metadata property that is asked for must not be empty, and have no quotes or backslashes."));
        var batch = query["batch"].ToString() is { Length: > 0 } id ? id : null;
        if (batch is not null && !Batches.IsId(batch)) faults.Add(new("/batch", FaultCode.NotAllowedValue, "A batch's id is 'bat_' and 32 hex digits: take it from the answer to POST /api/videos/batch."));
        return new()
        {
            Status = status,
            CreatedAfter = Time(query, "created_after", faults),
            CreatedBefore = Time(query, "created_before", faults),
            Batch = batch,
            Metadata = metadata,
        };
    }

    private static DateTimeOffset? Time(IQueryCollection query, string name, List<Fault> faults)
    {
        if (query[name].ToString() is not { Length: > 0 } text) return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)) return time;
        faults.Add(new($"/{name}", FaultCode.NotAllowedValue, $"'{text}' is no time: write it like 2026-03-01T12:00:00Z."));
        return null;
    }

    private static JobStatus? StatusOf(string word) => Enum.GetValues<JobStatus>().Cast<JobStatus?>().FirstOrDefault(s => JsonWord.Of(s!.Value) == word);
}
