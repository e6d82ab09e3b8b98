using System.Text.Json.Serialization;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>Holders of places, and the queue for places.</summary>
/// <param name="Taken">The ids of jobs, or the keys of submissions.</param>
/// <param name="Waiting">The queue, in order of arrival; null: empty.</param>
internal sealed record Places(
    [property: JsonPropertyName("jobs")] IReadOnlyList<string> Taken,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Waiting = null)
{
    private IReadOnlyList<string> Line => Waiting ?? [];

    /// <summary>Takes a place; the same list if the job has one; null if there is none.</summary>
    public Places? Take(string job, int cap) => Taken.Contains(job) ? this : Taken.Count < cap ? new([.. Taken, job]) : null;

    /// <summary>Takes a place, or joins the queue; the same list if the job is already in either.</summary>
    public Places AcquireSlot(string job, int cap)
    {
        if (Taken.Contains(job)) return this;
        return Line.Contains(job) ? Filled(cap) : new Places(Taken, [.. Line, job]).Filled(cap);
    }

    /// <summary>Frees places, and gives them to the first in the queue; the same list if nothing changes.</summary>
    public Places Free(IReadOnlyCollection<string> gone, int cap) =>
        (Taken.Concat(Line).Any(gone.Contains) ? new Places([.. Taken.Except(gone)], InLine([.. Line.Except(gone)])) : this).Filled(cap);

    private Places Filled(int cap)
    {
        var room = Math.Min(cap - Taken.Count, Line.Count);
        return room <= 0 ? this : new([.. Taken, .. Line.Take(room)], InLine([.. Line.Skip(room)]));
    }

    private static IReadOnlyList<string>? InLine(IReadOnlyList<string> waiting) => waiting.Count == 0 ? null : waiting;
}
