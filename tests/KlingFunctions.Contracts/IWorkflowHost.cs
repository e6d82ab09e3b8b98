namespace KlingFunctions.Contracts;

/// <summary>How a workflow instance stands, as its engine tells it.</summary>
/// <param name="HasEnded">Whether it has ended.</param>
/// <param name="Status">What it reported last, as JSON.</param>
/// <param name="Output">What it returned, as JSON; null if it failed or has not ended.</param>
/// <param name="Failure">Why it failed.</param>
public sealed record InstanceView(bool HasEnded, string? Status, string? Output, string? Failure);

/// <summary>An engine under test: Local's journal, or Durable's own runtime.</summary>
public interface IWorkflowHost : IAsyncDisposable
{
    /// <summary>How long a short wait of a test is: seconds where time is faked, less where it is real.</summary>
    TimeSpan ShortWait { get; }

    /// <summary>The engine's clock.</summary>
    DateTimeOffset Now { get; }

    Task<bool> StartAsync(string workflow, string id, string input);

    Task<bool> RaiseAsync(string id, string name);

    Task<InstanceView?> FindAsync(string id);

    /// <summary>Lets the engine work until the instance has ended, letting time pass whenever it only waits.</summary>
    Task<InstanceView> RunToEndAsync(string id);

    /// <summary>Lets the engine work, without letting time pass, until the instance only waits.</summary>
    Task RunToRestAsync(string id);

    /// <summary>Lets this much time pass.</summary>
    Task PassAsync(TimeSpan time);

    /// <summary>The process dies here, in the middle of whatever it does; another one takes over.</summary>
    Task KillAsync();
}

