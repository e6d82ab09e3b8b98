using KlingFunctions.Pipeline;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>The address on which this host listens, known after the start. Links of jobs from uploads begin with it.</summary>
internal sealed class ListenAddress(IServer server, IHostApplicationLifetime lifetime, IOptions<PublicOptions> options)
{
    /// <summary>Scheme, host and port, without a trailing slash.</summary>
    public string Value =>
        server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault()?.Replace("://0.0.0.0", "://127.0.0.1").Replace("://[::]", "://127.0.0.1").TrimEnd('/')
        ?? throw new InvalidOperationException("The host has not started.");

    /// <summary>The first part of links in jobs from uploads: the configured address, or else <see cref="Value"/>.</summary>
    public string Public => options.Value.Url ?? Value;

    /// <summary>Completes when the host has started.</summary>
    public async Task WhenKnownAsync(CancellationToken cancellationToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(cancellationToken);
    }
}
