using System.Globalization;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Json;
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

    private const string Status = "status";
    private const string Batch = "batch";
    private const string CreatedAfter = "created_after";
    private const string CreatedBefore = "created_before";

    private static readonly string[] Names = [Status, CreatedAfter, CreatedBefore, Batch, MetadataPrefix + "NAME"];

    // Azure Functions takes the key of a call from these.
    private static readonly string[] NamesOfTheHost = ["code", "clientId"];

    // The first part of a date in ISO 8601. Other forms are ambiguous: 1/2/2026 is in January or in February.
    private const string IsoDate = "yyyy-MM-dd";

    /// <summary>Adds a fault for each parameter that is no filter: ignored, a misspelt one would select every job.</summary>
    /// <param name="query">The query.</param>
    /// <param name="others">The other parameters of the route.</param>
    /// <param name="faults">The faults so far.</param>
    public static void RefuseUnknown(IQueryCollection query, IEnumerable<string> others, List<Fault> faults)
    {
        string[] known = [.. Names, .. others];
        foreach (var name in query.Keys)
        {
            if (name.StartsWith(MetadataPrefix, StringComparison.Ordinal) || known.Concat(NamesOfTheHost).Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            faults.Add(new(
                JsonPointer.Child("", name), FaultCode.UnknownProperty,
                $"There is no parameter {Wording.Quote(name)} here: the nearest known one is '{NearestName.Of(name, known)}' (of {string.Join(", ", known)})."));
        }
    }

    /// <summary>The filter. Faults are added to the list.</summary>
    public static JobFilter Read(IQueryCollection query, List<Fault> faults)
    {
        JobStatus? status = null;
        if (query[Status].ToString() is { Length: > 0 } word && (status = StatusOf(word)) is null)
        {
            var known = string.Join(", ", Enum.GetValues<JobStatus>().Select(JsonWord.Of));
            faults.Add(new("/status", FaultCode.NotAllowedValue, $"There is no status '{word}': it is one of {known}."));
        }
        var metadata = query.Where(p => p.Key.StartsWith(MetadataPrefix, StringComparison.Ordinal)).ToDictionary(p => p.Key[MetadataPrefix.Length..], p => p.Value.ToString());
        if (metadata.Count > MaxMetadata) faults.Add(new("/metadata", FaultCode.NotAllowedValue, $"At most {MaxMetadata} properties of the metadata can be asked for at once."));
        foreach (var name in metadata.Keys.Where(name => name.Length == 0 || name.AsSpan().IndexOfAny('"', '\\') >= 0))
            faults.Add(new($"/{MetadataPrefix}{name}", FaultCode.NotAllowedValue, "The name of a metadata property that is asked for must not be empty, and have no quotes or backslashes."));
        var batch = query[Batch].ToString() is { Length: > 0 } id ? id : null;
        if (batch is not null && !Batches.IsId(batch)) faults.Add(new("/batch", FaultCode.NotAllowedValue, "A batch's id is 'bat_' and 32 hex digits: take it from the answer to POST /api/videos/batch."));
        var (after, before) = (Time(query, CreatedAfter, faults), Time(query, CreatedBefore, faults));
        if (before < after)
        {
            faults.Add(new(
                $"/{CreatedBefore}", FaultCode.NotAllowedValue,
                $"{CreatedBefore} is earlier than {CreatedAfter}, and no job was created in such a window: exchange the two times."));
        }
        return new()
        {
            Status = status,
            CreatedAfter = after,
            CreatedBefore = before,
            Batch = batch,
            Metadata = metadata,
        };
    }

    private static DateTimeOffset? Time(IQueryCollection query, string name, List<Fault> faults)
    {
        if (query[name].ToString() is not { Length: > 0 } text) return null;
        var startsWithDate = DateOnly.TryParseExact(text[..Math.Min(text.Length, IsoDate.Length)], IsoDate, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
        if (startsWithDate && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)) return time;
        faults.Add(new($"/{name}", FaultCode.NotAllowedValue, $"'{text}' is no time: write it like 2026-03-01T12:00:00Z."));
        return null;
    }

    private static JobStatus? StatusOf(string word) => Enum.GetValues<JobStatus>().Cast<JobStatus?>().FirstOrDefault(s => JsonWord.Of(s!.Value) == word);
}
