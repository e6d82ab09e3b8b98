namespace KlingFunctions.Simulator;

/// <summary>
/// RunComfy's Model API on this machine. It ignores the configuration, the environment and the signals of its process.
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

    /// <summary>The address that it listens on, with the actual port.</summary>
    public Uri BaseUrl { get; }

    /// <summary>Accepted submissions, and their cost.</summary>
    public Account Account => _simulation.Account;

    /// <summary>The number of calls that hang at present (<see cref="FaultKind.Hang"/>) until their clients give up.</summary>
    public int Hanging => _simulation.Hanging;

    /// <summary>The behaviour, from the next call on.</summary>
    public Behaviour Behaviour
    {
        get => _simulation.Behaviour;
        set => _simulation.Behaviour = value;
    }

    /// <summary>Starts a simulator.</summary>
    /// <param name="behaviour">The knobs; null for the documented API.</param>
    /// <param name="time">The clock of its queue; null for the system's.</param>
    /// <param name="url">The address to listen on, <c>http://HOST:PORT</c>; port 0 takes a free one.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="ArgumentException">The address is not of that form.</exception>
    /// <exception cref="IOException">The address is in use.</exception>
    public static async Task<SimulatorHost> StartAsync(
        Behaviour? behaviour = null, TimeProvider? time = null, string url = "http://127.0.0.1:0", CancellationToken cancellationToken = default)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttp)
            throw new ArgumentException($"'{url}' is not an address to listen on: give one like http://127.0.0.1:5080.", nameof(url));
        var simulation = new Simulation(behaviour ?? new(), time ?? TimeProvider.System);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(url).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null; // images may come inline
            kestrel.Limits.MinResponseDataRate = null; // a client under a debugger may read slowly
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));

        var app = builder.Build();
        app.MapModelApi(simulation);
        app.MapControl(simulation);
        await app.StartAsync(cancellationToken);
        return new SimulatorHost(app, simulation);
    }

    /// <summary>Appends a fault to the queue for the next calls of its kind.</summary>
    public void Inject(Fault fault) => _simulation.Change(behaviour => behaviour with { Faults = [.. behaviour.Faults, fault] });

    /// <summary>Deletes every request, resets the account, and restores the initial behaviour.</summary>
    public void Reset() => _simulation.Reset();

    /// <summary>Stops the simulator.</summary>
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
