namespace KlingFunctions.ComplianceTests;

/// <summary>The state of a workflow instance, as its engine reports it.</summary>
/// <param name="HasEnded">Whether the instance has ended.</param>
/// <param name="Status">The last reported status, as JSON.</param>
/// <param name="Output">The output as JSON; null if it failed or has not ended.</param>
/// <param name="Failure">The reason of a failure.</param>
public sealed record InstanceView(bool HasEnded, string? Status, string? Output, string? Failure);

/// <summary>An engine under test: Local's journal, or Durable's own runtime.</summary>
public interface IWorkflowHost : IAsyncDisposable
{
    /// <summary>The length of a short wait in a test: seconds where time is faked, less where it is real.</summary>
    TimeSpan ShortWait { get; }

    /// <summary>The engine's clock.</summary>
    DateTimeOffset Now { get; }

    Task<bool> StartAsync(string workflow, string id, string input);

    Task<bool> RaiseAsync(string id, string name);

    Task<InstanceView?> FindAsync(string id);

    /// <summary>Runs the engine until the instance has ended, and advances time whenever it only waits.</summary>
    Task<InstanceView> RunToEndAsync(string id);

    /// <summary>Runs the engine, without advancing time, until the instance only waits.</summary>
    Task RunToRestAsync(string id);

    /// <summary>Advances time.</summary>
    Task PassAsync(TimeSpan time);

    /// <summary>Kills the process at this moment; another one takes over.</summary>
    Task KillAsync();
}

