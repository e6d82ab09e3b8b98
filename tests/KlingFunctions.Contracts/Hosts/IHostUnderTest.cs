using System.Text.Json;

namespace KlingFunctions.Contracts.Hosts;

/// <summary>A host under test: Local, or the Functions app. Whoever has it sees no more than a client does.</summary>
public interface IHostUnderTest : IAsyncDisposable
{
    /// <summary>Speaks to the host.</summary>
    HttpClient Http { get; }

    /// <summary>The host's clock, which the provider and the receivers share.</summary>
    TimeProvider Time { get; }

    /// <summary>Lets the host work, and time pass whenever it only waits, until the job's resource is as wanted.</summary>
    /// <exception cref="TimeoutException">It never is: the message has the resource as it stands.</exception>
    Task<JsonElement> RunUntilAsync(string id, Func<JsonElement, bool> wanted);

    /// <summary>Lets the host work, without letting time pass, until it only waits.</summary>
    Task RunToRestAsync();

    /// <summary>The process dies here, in the middle of whatever it does, and is started again, with other settings where given.</summary>
    Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null);
}
