namespace KlingFunctions.Pipeline.Workflow;

/// <summary>The name and the types of a step (an activity), which a workflow calls and a host binds to code.</summary>
/// <param name="Name">The activity's name: part of the history, so it never changes once released.</param>
/// <param name="Retry">The retry policy after an exception; null: no retry. Only for idempotent steps.</param>
/// <typeparam name="TIn">The input, serialised into the history: small, and without secrets.</typeparam>
/// <typeparam name="TOut">The output, serialised likewise.</typeparam>
public sealed record Step<TIn, TOut>(string Name, RetryPolicy? Retry = null);

/// <summary>Exponential backoff over durable timers.</summary>
/// <param name="MaxAttempts">The number of runs, the first included; at least 1.</param>
/// <param name="FirstDelay">The wait after the first failed run.</param>
/// <param name="Backoff">The factor of each further wait; at least 1.</param>
/// <param name="MaxDelay">The longest wait.</param>
public sealed record RetryPolicy(int MaxAttempts, TimeSpan FirstDelay, double Backoff, TimeSpan MaxDelay)
{
    /// <summary>The wait after failed run number <paramref name="attempt"/> (1 = the first).</summary>
    public TimeSpan DelayAfter(int attempt)
    {
        var ticks = FirstDelay.Ticks * Math.Pow(Backoff, attempt - 1);
        return ticks >= MaxDelay.Ticks ? MaxDelay : TimeSpan.FromTicks((long)ticks);
    }
}

/// <summary>A step threw, and will not be retried.</summary>
/// <param name="step">The step's name.</param>
/// <param name="reason">The message of its exception.</param>
public sealed class StepFailedException(string step, string reason) : Exception($"The step '{step}' failed: {reason}")
{
    /// <summary>The name of the step that failed.</summary>
    public string Step { get; } = step;

    /// <summary>The message of its exception.</summary>
    public string Reason { get; } = reason;
}
