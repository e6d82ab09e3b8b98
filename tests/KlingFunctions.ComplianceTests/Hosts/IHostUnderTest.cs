using System.Text.Json;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>A host under test, Local or the Functions app. Tests see only what a client sees.</summary>
public interface IHostUnderTest : IAsyncDisposable
{
    /// <summary>A client of the host.</summary>
    HttpClient Http { get; }

    /// <summary>The host's clock, which the provider and the receivers share.</summary>
    TimeProvider Time { get; }

    /// <summary>Runs the host, and advances time whenever it only waits, until the job's resource meets a condition.</summary>
    /// <exception cref="TimeoutException">The condition is never met: the message has the resource.</exception>
    Task<JsonElement> RunUntilAsync(string id, Func<JsonElement, bool> wanted);

    /// <summary>Runs the host, without advancing time, until it only waits.</summary>
    Task RunToRestAsync();

    /// <summary>Kills the process at this moment and starts it again, with changed settings if given.</summary>
    Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null);
}
