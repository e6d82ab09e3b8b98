namespace KlingFunctions.Simulator;

/// <summary>
/// RunComfy's Model API on this machine. It looks at no configuration and no environment of the process that it lives in, and leaves
/// that process's signals alone.
/// </summary>
/// <example><code>
/// await using var runComfy = await SimulatorHost.StartAsync(new() { RunTime = TimeSpan.FromSeconds(1) });
/// runComfy.Inject(new(ApiCall.Status, FaultKind.BadGateway, Times: 3));
/// </code></example>
public sealed class SimulatorHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Simulation _simulation;

    private SimulatorHost(WebApplication app, Simulation simulation)
    {
        _app = app;
        _simulation = simulation;
        BaseUrl = new Uri(app.Urls.First());
    }

    /// <summary>Where it listens, with the real port.</summary>
    public Uri BaseUrl { get; }

    /// <summary>What was accepted, and what it cost.</summary>
    public Account Account => _simulation.Account;

    /// <summary>How many calls are struck by <see cref="FaultKind.Hang"/> just now, and wait for their clients to give up.</summary>
    public int Hanging => _simulation.Hanging;

    /// <summary>How it behaves from the next call on.</summary>
    public Behaviour Behaviour
    {
        get => _simulation.Behaviour;
        set => _simulation.Behaviour = value;
    }

    /// <summary>Starts it.</summary>
    /// <param name="behaviour">The knobs; null for the documented API.</param>
    /// <param name="time">The clock of its queue; null for the system's.</param>
    /// <param name="url">The address to listen on, <c>http://HOST:PORT</c>; port 0 takes a free one.</param>
    /// <param name="ct">Ends the start.</param>
    /// <exception cref="ArgumentException">The address is not of that form.</exception>
    /// <exception cref="IOException">The address is in use.</exception>
    public static async Task<SimulatorHost> StartAsync(
        Behaviour? behaviour = null, TimeProvider? time = null, string url = "http://127.0.0.1:0", CancellationToken ct = default)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttp)
            throw new ArgumentException($"'{url}' is not an address to listen on: give one like http://127.0.0.1:5080.", nameof(url));
        var simulation = new Simulation(behaviour ?? new(), time ?? TimeProvider.System);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(url).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MinResponseDataRate = null; // a client that is being debugged may read slowly
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));

        var app = builder.Build();
        app.MapModelApi(simulation);
        app.MapControl(simulation);
        await app.StartAsync(ct);
        return new SimulatorHost(app, simulation);
    }

    /// <summary>Lets a fault wait for the next calls of its kind, behind those that wait already.</summary>
    public void Inject(Fault fault) => _simulation.Change(behaviour => behaviour with { Faults = [.. behaviour.Faults, fault] });

    /// <summary>Forgets every request and the account, and goes back to the behaviour that it was started with.</summary>
    public void Reset() => _simulation.Reset();

    /// <summary>Stops it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
