using KlingFunctions.Pipeline;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>Where this host listens: known when it has started. Jobs that did not come by HTTP build their links on it.</summary>
internal sealed class HostAddress(IServer server, IHostApplicationLifetime lifetime, IOptions<PublicOptions> options)
{
    /// <summary>Scheme, host and port, without a slash at the end.</summary>
    public string Value =>
        server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault()?.Replace("://0.0.0.0", "://127.0.0.1").Replace("://[::]", "://127.0.0.1").TrimEnd('/')
        ?? throw new InvalidOperationException("The host has not started.");

    /// <summary>The address that links of jobs from uploads begin with: the configured one, or where this host listens.</summary>
    public string Public => options.Value.Url ?? Value;

    /// <summary>Completes when the host has started.</summary>
    public async Task WhenKnownAsync(CancellationToken cancel)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(cancel);
    }
}
