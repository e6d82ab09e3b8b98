using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline;

namespace KlingFunctions.Local.Demo;

/// <summary>
/// Every state of a job, in the order in which the journal wrote them. Some states last a few milliseconds: clients that poll the host
/// would miss them.
/// </summary>
internal sealed class JournalFeed : IDisposable
{
    private readonly Channel<(string Id, string Status, DateTimeOffset At)> _written =
        Channel.CreateUnbounded<(string, string, DateTimeOffset)>(new() { SingleReader = true });

    private readonly InstanceStore _journal;
    private readonly TimeProvider _time;

    public JournalFeed(InstanceStore journal, TimeProvider time)
    {
        (_journal, _time) = (journal, time);
        _journal.StatusWritten += Hear;
    }

    /// <summary>The states of one job, from the first after this feed was opened to the last.</summary>
    public async IAsyncEnumerable<JobMoment> OfAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var written in _written.Reader.ReadAllAsync(cancellationToken))
        {
            if (written.Id != id) continue;
            var state = JsonSerializer.Deserialize(written.Status, PipelineJson.Default.JobState)!;
            var note = state.Error?.Message ?? state.PendingIssue?.Message
                ?? (state.Provider?.QueuePosition is { } position ? $"position {position}" : null);
            yield return new(state.Status, written.At, note);
            if (state.HasEnded()) yield break;
        }
    }

    public void Dispose() => _journal.StatusWritten -= Hear;

    private void Hear(string id, string status) => _written.Writer.TryWrite((id, status, _time.GetUtcNow()));
}
