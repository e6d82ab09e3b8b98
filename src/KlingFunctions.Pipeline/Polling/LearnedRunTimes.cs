using System.Collections.Concurrent;
using System.Text.Json;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>
/// Observed run times by duration of the video, over all hosts that share a store. They only reduce polls: no failure here fails a job.
/// </summary>
internal sealed partial class LearnedRunTimes(ModelContract model, IDocuments documents, TimeProvider time, ILogger<LearnedRunTimes> logger)
{
    private const string Folder = "learned/";

    // Other hosts learn too; until the next read, missing their runs does no harm.
    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);
    private int _isWriting;

    /// <summary>The curve for videos of this duration; null if no run was observed yet.</summary>
    public async Task<RunTimeCurve?> FindAsync(string? duration, CancellationToken cancellationToken)
    {
        if (duration is null) return null;
        var known = _known.GetValueOrDefault(duration);
        if (known is null || time.GetUtcNow() - known.At >= ReadAgainAfter) known = await ReadAsync(duration, cancellationToken);
        return known.Curve.Value;
    }

    /// <summary>Adds a run, with one write.</summary>
    /// <param name="duration">The duration of the video; null: nothing is added.</param>
    /// <param name="run">The run time.</param>
    /// <param name="wasQueued">Whether it waited in the queue; null if not observed.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <remarks>A run is dropped while this host writes another one, or when other hosts write at that moment: later runs show the same.</remarks>
    public async Task AddAsync(string? duration, TimeSpan run, bool? wasQueued, CancellationToken cancellationToken)
    {
        if (duration is null || Interlocked.Exchange(ref _isWriting, 1) != 0) return;
        try
        {
            var known = _known.GetValueOrDefault(duration) ?? await ReadAsync(duration, cancellationToken);
            if (!known.CanBeWritten || await TryWriteAsync(duration, known, known.Runs.With(run, wasQueued), cancellationToken)) return;
            known = await ReadAsync(duration, cancellationToken);
            if (known.CanBeWritten) await TryWriteAsync(duration, known, known.Runs.With(run, wasQueued), cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotWritten(logger, e, duration);
        }
        finally
        {
            Volatile.Write(ref _isWriting, 0);
        }
    }

    private async Task<bool> TryWriteAsync(string duration, Known known, RunTimes runs, CancellationToken cancellationToken)
    {
        if (await documents.TryWriteAsync(NameOf(duration), runs, StoredJson.Default.RunTimes, known.Version, cancellationToken) is not { } version) return false;
        _known[duration] = new(runs, version, time.GetUtcNow());
        return true;
    }

    private async Task<Known> ReadAsync(string duration, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        try
        {
            var document = await documents.ReadAsync(NameOf(duration), cancellationToken);
            return _known[duration] = new(Read(duration, document?.Text), document?.Version, now);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotRead(logger, e, duration);
            return _known[duration] = (_known.GetValueOrDefault(duration) ?? new(new([]), null, now)) with { At = now, CanBeWritten = false };
        }
    }

    /// <summary>An unreadable document counts as empty, and is replaced with the next run.</summary>
    private RunTimes Read(string duration, string? text)
    {
        try
        {
            var runs = text is null ? null : JsonSerializer.Deserialize(text, StoredJson.Default.RunTimes);
            return new([.. (runs?.Seconds ?? []).Where(seconds => seconds > 0)], runs?.Queued ?? 0);
        }
        catch (JsonException e)
        {
            LogNotRead(logger, e, duration);
            return new([]);
        }
    }

    private string NameOf(string duration) => $"{Folder}{model.Id}/{duration}.json";

    [LoggerMessage(LogLevel.Warning, "The learned run times of {Duration} s videos could not be read: polls are planned without them.")]
    private static partial void LogNotRead(ILogger logger, Exception e, string duration);

    [LoggerMessage(LogLevel.Warning, "A run time of {Duration} s videos could not be written, and is left out.")]
    private static partial void LogNotWritten(ILogger logger, Exception e, string duration);

    /// <summary>The document as last read or written.</summary>
    private sealed record Known(RunTimes Runs, string? Version, DateTimeOffset At)
    {
        /// <summary>False while the store can't be read: a write would need a version.</summary>
        public bool CanBeWritten { get; init; } = true;

        public Lazy<RunTimeCurve?> Curve { get; } = new(() => RunTimeCurve.Of(Runs));
    }
}
