using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline;

/// <summary>
/// Keeps the state of a job within Durable Functions' limit for a custom status: 16 KB in UTF-16. A larger one would not be shortened there
/// but fail the job, with its paid video.
/// </summary>
internal static class StatusLimit
{
    /// <summary>The most characters of a state as JSON.</summary>
    public const int MaxChars = 8_000;

    private const int MaxMessage = 300;

    // The least important entries go first. No list becomes empty; unlisted receivers are still notified, unlisted files stored and served.
    private static readonly Func<JobState, JobState>[] Shortenings =
    [
        s => s with { Error = s.Error is { } e ? new(e.Code, Cut(e.Message), Cut(e.Details)) : null, Warnings = Cut(s.Warnings)!, PendingIssue = Cut(s.PendingIssue) },
        s => s with { Error = s.Error is { } e ? e with { Details = Half(e.Details) } : null },
        s => s with { Warnings = Half(s.Warnings)! },
        s => s with { Receivers = Half(s.Receivers)! },
        HalfTheOutputs,
    ];

    /// <summary>The state, with shorter lists if necessary.</summary>
    public static JobState Fit(JobState state)
    {
        var length = Length(state);
        foreach (var shorten in Shortenings)
        {
            for (var before = int.MaxValue; length > MaxChars && length < before;)
            {
                state = shorten(state);
                (length, before) = (Length(state), length);
            }
        }
        return state;
    }

    private static int Length(JobState state) => JsonSerializer.Serialize(state, PipelineJson.Default.JobState).Length;

    private static JobState HalfTheOutputs(JobState state)
    {
        if (state.Outputs.Count < 2) return state;
        var listed = Half(state.Outputs)!;
        return state with
        {
            Outputs = listed,
            Unlisted = new(
                state.Outputs.Count - listed.Count + (state.Unlisted?.Count ?? 0), state.Outputs[listed.Count].Name, state.Unlisted?.Last ?? state.Outputs[^1].Name),
        };
    }

    private static IReadOnlyList<T>? Half<T>(IReadOnlyList<T>? list) => list is { Count: > 1 } ? [.. list.Take(list.Count / 2)] : list;

    private static IReadOnlyList<Fault>? Cut(IReadOnlyList<Fault>? faults) => faults is null ? null : [.. faults.Select(f => Cut(f)!)];

    private static Fault? Cut(Fault? fault) => fault is null ? null : fault with { Message = Cut(fault.Message) };

    private static string Cut(string message) =>
        message.Length <= MaxMessage ? message : message[..(char.IsHighSurrogate(message[MaxMessage - 2]) ? MaxMessage - 2 : MaxMessage - 1)] + "…";
}
