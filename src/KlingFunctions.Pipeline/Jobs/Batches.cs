using System.Globalization;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>
/// The store of batches. Each is a document, with an empty one beside it for each ended job, whose name contains place and outcome: jobs
/// that end at the same moment never conflict, a repeat changes no count, and one listing counts them all.
/// </summary>
public sealed class Batches(IDocuments documents, TimeProvider time)
{
    private const string IdPrefix = "bat_";
    private const string Prefix = "batches/";

    // A resumed job no longer counts as ended.
    private const string Resumed = "resumed";

    /// <summary>A new id, sortable by time.</summary>
    public static string NewId() => PrefixedId.New(IdPrefix);

    /// <summary>The batch id for a key: the same key, the same id.</summary>
    public static string IdOf(string key) => PrefixedId.Of(IdPrefix, $"batch\n{key}");

    /// <summary>Whether the text has the format of a batch id.</summary>
    public static bool IsId(string id) => PrefixedId.Is(IdPrefix, id);

    /// <summary>The id of the job at a place of a batch.</summary>
    public static string JobIdOf(BatchPlace place) => JobIntake.IdOf(string.Create(CultureInfo.InvariantCulture, $"{place.Id}\n{place.Index}"));

    /// <summary>Stores a new batch, or finds the existing one.</summary>
    /// <returns>False if this id belongs to a batch of other items.</returns>
    public async Task<bool> OpenAsync(string id, string fingerprint, int total, CancellationToken cancellationToken)
    {
        if (await ReadAsync(id, cancellationToken) is { } there) return there.Value.Fingerprint == fingerprint;
        var batch = new Batch(time.GetUtcNow(), fingerprint, total, Accepted: null);
        if (await documents.TryWriteAsync(NameOf(id), batch, StoredJson.Default.Batch, version: null, cancellationToken) is not null) return true;
        return (await ReadAsync(id, cancellationToken))?.Value.Fingerprint == fingerprint;
    }

    /// <summary>Records the items with a job, once every item has its answer. Those of an earlier call stay.</summary>
    public async Task CloseAsync(string id, IReadOnlyCollection<int> accepted, CancellationToken cancellationToken)
    {
        while (await ReadAsync(id, cancellationToken) is { } there)
        {
            var all = accepted.Union(there.Value.Accepted ?? []).Order().ToList();
            if (there.Value.Accepted is { } known && known.Count == all.Count) return;
            var closed = there.Value with { Accepted = all };
            if (await documents.TryWriteAsync(NameOf(id), closed, StoredJson.Default.Batch, there.Version, cancellationToken) is not null) return;
        }
    }

    /// <summary>Records that a job has ended. Idempotent.</summary>
    public Task EndAsync(string jobId, BatchPlace place, int run, JobStatus status, CancellationToken cancellationToken) =>
        MarkAsync(jobId, place, run, JsonWord.Of(status), cancellationToken);

    /// <summary>Records that a job runs again. Idempotent.</summary>
    public Task ResumeAsync(string jobId, BatchPlace place, int run, CancellationToken cancellationToken) => MarkAsync(jobId, place, run, Resumed, cancellationToken);

    /// <summary>The batch as counted by its jobs; null if there is none of this id.</summary>
    public async Task<BatchSnapshot?> FindAsync(string id, CancellationToken cancellationToken) =>
        await MarksAsync(id, cancellationToken) is var (batch, ended)
            ? new(id, batch, ended.ToDictionary(mark => mark.Index, mark => mark.Status!.Value), ended.Count > 0 ? ended.Max(mark => mark.At) : null)
            : null;

    /// <summary>The filter narrowed to the time since its batch was received: older jobs need not be read.</summary>
    public async Task<JobFilter> NarrowAsync(JobFilter filter, CancellationToken cancellationToken) =>
        filter.Batch is { } id && await ReadAsync(id, cancellationToken) is { Value.CreatedAt: var from } && !(filter.CreatedAfter > from)
            ? filter with { CreatedAfter = from }
            : filter;

    /// <summary>Deletes a batch. Idempotent.</summary>
    public async Task ForgetAsync(string id, CancellationToken cancellationToken)
    {
        await foreach (var mark in documents.ListAsync(MarksOf(id), cancellationToken)) await documents.DeleteAsync(mark, version: null, cancellationToken);
        await documents.DeleteAsync(NameOf(id), version: null, cancellationToken);
    }

    private async Task<(Batch Batch, IReadOnlyList<Mark> Ended)?> MarksAsync(string id, CancellationToken cancellationToken)
    {
        if (!IsId(id) || await ReadAsync(id, cancellationToken) is not { } batch) return null;
        var marks = new List<Mark>();
        await foreach (var name in documents.ListAsync(MarksOf(id), cancellationToken)) marks.Add(Mark.Of(name));
        // Of one run the end counts, whatever was written after it.
        var last = marks.GroupBy(mark => mark.Index).Select(g => g.MaxBy(mark => (mark.Run, mark.Status is not null))!);
        return (batch.Value, [.. last.Where(mark => mark.Status is not null)]);
    }

    private async Task MarkAsync(string jobId, BatchPlace place, int run, string word, CancellationToken cancellationToken)
    {
        // Without its batch, a mark would count in the next batch of that id.
        if (await ReadAsync(place.Id, cancellationToken) is null) return;
        var name = string.Create(CultureInfo.InvariantCulture, $"{MarksOf(place.Id)}{place.Index:D4}.{run}.{word}.{time.GetUtcNow().ToUnixTimeMilliseconds()}.{jobId}");
        await documents.TryWriteAsync(name, "{}", version: null, cancellationToken);
    }

    private Task<Versioned<Batch>?> ReadAsync(string id, CancellationToken cancellationToken) =>
        documents.ReadAsync(NameOf(id), StoredJson.Default.Batch, cancellationToken);

    private static string NameOf(string id) => $"{Prefix}{id}.json";

    private static string MarksOf(string id) => $"{Prefix}{id}/";

    /// <summary>The name of a document beside a batch.</summary>
    /// <param name="Index">The place of the job.</param>
    /// <param name="Run">The number of its run.</param>
    /// <param name="Status">The outcome of the run; null: it was resumed.</param>
    /// <param name="At">When this was written (UTC).</param>
    private sealed record Mark(int Index, int Run, JobStatus? Status, DateTimeOffset At)
    {
        public static Mark Of(string name)
        {
            var parts = name[(name.LastIndexOf('/') + 1)..].Split('.');
            var numbers = new[] { parts[0], parts[1], parts[3] }.Select(part => long.Parse(part, CultureInfo.InvariantCulture)).ToList();
            JobStatus? status = parts[2] is Resumed ? null : Enum.GetValues<JobStatus>().Single(status => JsonWord.Of(status) == parts[2]);
            return new((int)numbers[0], (int)numbers[1], status, DateTimeOffset.FromUnixTimeMilliseconds(numbers[2]));
        }
    }
}
