using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.DurableTask.Protobuf;

namespace KlingFunctions.TestHost;

/// <summary>Control of this host by tests. It has no effect unless a test uses it.</summary>
internal sealed class TestControl
{
    /// <summary>Durable timers longer than this number of seconds are shortened to it.</summary>
    public const string TimersAtMostVariable = "TESTHOST_TIMERS_AT_MOST";

    /// <summary>The path of a file that gets a line for each turn of an orchestrator: request and response, both in base64.</summary>
    public const string TurnsVariable = "TESTHOST_TURNS";

    private readonly TimeSpan? _timersAtMost = Environment.GetEnvironmentVariable(TimersAtMostVariable) is { } seconds
        ? TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)) : null;
    private readonly string? _turns = Environment.GetEnvironmentVariable(TurnsVariable);
    private readonly Lock _lock = new();
    private string? _killAt;
    private int _killAfter;

    public Process? Worker { get; set; }

    /// <summary>Arms a kill: at a named point the process kills the worker and itself with SIGKILL.</summary>
    /// <param name="point">
    /// A function and a moment: <c>Submit:taken</c> is before a run of the step Submit begins; <c>Submit:done</c> is after its end, before
    /// its outcome is
    /// stored.
    /// </param>
    /// <param name="times">Which of these moments: 1 for the first.</param>
    public void KillAt(string point, int times)
    {
        lock (_lock) (_killAt, _killAfter) = (point, times);
    }

    public void Reached(string function, string moment)
    {
        lock (_lock)
        {
            if (_killAt != $"{function}:{moment}" || --_killAfter > 0) return;
            Worker?.Kill();
            Process.GetCurrentProcess().Kill();
        }
    }

    /// <summary>Records the turn, and shortens its timers.</summary>
    /// <returns>The response for the Durable extension.</returns>
    public string TurnTaken(string request, string response)
    {
        if (_turns is not null)
        {
            lock (_lock) File.AppendAllText(_turns, $"{request} {response}\n");
        }
        if (_timersAtMost is not { } limit) return response;
        var turn = OrchestratorResponse.Parser.ParseFrom(ByteString.FromBase64(response));
        var latest = DateTime.UtcNow + limit;
        foreach (var timer in turn.Actions.Select(a => a.CreateTimer).Where(t => t is not null && t.FireAt.ToDateTime() > latest))
            timer.FireAt = latest.ToTimestamp();
        return turn.ToByteString().ToBase64();
    }
}
