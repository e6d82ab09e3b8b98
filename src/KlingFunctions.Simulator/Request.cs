using System.Text.Json;

namespace KlingFunctions.Simulator;

/// <summary>The states of a request. They only move forward.</summary>
internal enum RequestState
{
    InQueue,
    InProgress,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>
/// A snapshot of an accepted request. Its number counts all accepted requests from 0; its failure is the final error of the generation,
/// or null.
/// </summary>
internal sealed record Request(string Id, int Number, DateTimeOffset SubmittedAt, JsonElement Input, decimal PriceUsd, string? Failure)
{
    public RequestState State { get; init; } = RequestState.InQueue;

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>1 for the next to run; null once it has left the queue.</summary>
    public int? QueuePosition { get; init; }

    public bool IsFinished => State is RequestState.Succeeded or RequestState.Failed or RequestState.Cancelled;

    /// <summary>The embedded clip with the requested shape and duration.</summary>
    public string Clip => $"clips/{Wanted("aspect_ratio", "16:9").Replace(':', 'x')}-{Wanted("duration", "5")}s.mp4";

    private string Wanted(string property, string otherwise) => ModelInput.Text(Input, property) ?? otherwise;
}
