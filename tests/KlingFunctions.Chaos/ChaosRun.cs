using System.Diagnostics;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Chaos;

/// <summary>One data folder, and the hosts that are started and killed on it in turn, while clients and an operator work.</summary>
internal sealed class ChaosRun : IAsyncDisposable
{
    private const int FileLength = 300_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-chaos-");
    private readonly Dictionary<string, string?> _settings;
    private readonly Random _random;
    private readonly Figures _figures;
    private readonly List<string> _points = [];
    private HostProcess? _host;

    // The call that the kill interrupts.
    private Task _call = Task.CompletedTask;
    private HttpClient? _http;

    private ChaosRun(SimulatorHost runComfy, WebhookReceiver receiver, int seed, bool resubmits, Figures figures)
    {
        (RunComfy, Receiver, Resubmits, _random, _figures) = (runComfy, receiver, resubmits, new(seed), figures);
        People = new(runComfy, receiver, new(seed + 1), figures);
        _settings = Scene.SettingsFor(runComfy);
        _settings["Local:DataDirectory"] = _folder.FullName;
        // Caps that are never reached, but are counted.
        _settings["Pipeline:MaxInFlight"] = "100";
        _settings["Pipeline:MaxJobsPerDay"] = "100000";
        _settings["Submission:WhenInDoubt"] = resubmits ? "resubmit" : "fail";
        foreach (var (i, delay) in new[] { "00:00:00", "00:00:00.4", "00:00:00.8", "00:00:01" }.Index()) _settings[$"Webhooks:Schedule:{i}"] = delay;
    }

    public SimulatorHost RunComfy { get; }

    public WebhookReceiver Receiver { get; }

    public People People { get; }

    /// <summary>Whether the host itself resubmits jobs in doubt.</summary>
    public bool Resubmits { get; }

    /// <summary>The points at which hosts were killed, oldest first.</summary>
    public IReadOnlyList<string> Points => _points;

    public string Folder => _folder.FullName;

    private string Inbox => Path.Combine(Folder, "inbox");

    public static async Task<ChaosRun> BeginAsync(int seed, bool resubmits, Figures figures, CancellationToken cancellationToken)
    {
        var runComfy = await SimulatorHost.StartAsync(
            new()
            {
                QueueTime = TimeSpan.FromSeconds(0.1),
                RunTime = TimeSpan.FromSeconds(0.3),
                Slots = 4,
                PadsFilesTo = FileLength,
                BalanceUsd = 1_000_000,
                RetryAfter = TimeSpan.FromSeconds(1),
            },
            cancellationToken: cancellationToken);
        return new(runComfy, await WebhookReceiver.StartAsync(), seed, resubmits, figures);
    }

    /// <summary>Runs a host until it is killed at this point.</summary>
    public async Task LiveAndDieAsync(KillPoint point, CancellationToken cancellationToken)
    {
        // During some hosts the receiver is down. The operator redelivers those notifications later.
        Receiver.Status = _random.Next(8) == 0 ? 500 : 204;
        Trouble();
        if (_random.Next(6) == 0) People.Upload(Inbox);
        if (_random.Next(4) == 0) People.RestoreUploads(Inbox);
        using var host = _host = new HostProcess(_settings, point.Inside);
        using var life = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        life.CancelAfter(Patience);
        var work = People.WorkAsync(host, untilSettled: false, life.Token);
        var inTime = true;
        try
        {
            await (point.Outside is { } outside ? outside(this, life.Token) : host.Died.WaitAsync(life.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            inTime = false;
        }
        host.Kill();
        await host.Died;
        await life.CancelAsync();
        await work;
        await _call;
        _http?.Dispose();
        People.Rest = false;
        RunComfy.Behaviour = RunComfy.Behaviour with { Faults = [] };
        _points.Add(point.Name);
        _figures.Count("kills");
        _figures.Count($"kills: {point.Name}{(inTime ? "" : " (waited for in vain, killed all the same)")}");
        if (host.Said.Any(line => line.Contains(" crit: ", StringComparison.Ordinal)))
            throw new InvalidOperationException($"The host said something critical:\n{string.Join('\n', host.Said)}");
    }

    /// <summary>Runs the last host until every job has ended and is notified, then audits the results.</summary>
    public async Task<IReadOnlyList<string>> SettleAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        Receiver.Status = 204;
        using var host = new HostProcess(_settings, killAt: null);
        using var life = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        life.CancelAfter(patience);
        await People.WorkAsync(host, untilSettled: true, life.Token);
        return await Audit.RunAsync(this, host, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Receiver.DisposeAsync();
        await RunComfy.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    public Task PauseAsync(int upToMilliseconds, CancellationToken cancellationToken) => Task.Delay(_random.Next(upToMilliseconds), cancellationToken);

    public async Task AtRandomAsync(CancellationToken cancellationToken)
    {
        await ListeningAsync(cancellationToken);
        await PauseAsync(1500, cancellationToken);
    }

    public async Task InThePostAsync(bool accepted, CancellationToken cancellationToken)
    {
        await StrikeAsync(new(ApiCall.Submit, FaultKind.Hang, Late: accepted), cancellationToken);
        // The fault is consumed just before the request is accepted.
        await Task.Delay(30, cancellationToken);
    }

    public async Task InADownloadAsync(CancellationToken cancellationToken)
    {
        RunComfy.Behaviour = RunComfy.Behaviour with { TruncatesAfter = _random.Next(1, FileLength) };
        RunComfy.Inject(new(ApiCall.Download, FaultKind.Truncated));
        await StrikeAsync(new(ApiCall.Download, FaultKind.Hang), cancellationToken);
        await PauseAsync(30, cancellationToken);
    }

    public async Task BetweenTriesAsync(CancellationToken cancellationToken)
    {
        Receiver.Status = 204;
        var before = Receiver.Received.Count;
        Receiver.Answer(500);
        await UntilAsync(() => Receiver.Received.Count > before, cancellationToken);
        await PauseAsync(400, cancellationToken);
    }

    public async Task InACommitAsync(CancellationToken cancellationToken)
    {
        await ListeningAsync(cancellationToken);
        await PauseAsync(1000, cancellationToken);
        var log = new FileInfo(Path.Combine(Folder, "journal.db-wal"));
        (long, DateTime) Look()
        {
            log.Refresh();
            return log.Exists ? (log.Length, log.LastWriteTimeUtc) : default;
        }
        var before = Look();
        while (Look() == before)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        // A commit takes less than a millisecond, which no timer can hit: wait in a loop.
        for (var (begun, wait) = (Stopwatch.GetTimestamp(), _random.Next(1500)); Stopwatch.GetElapsedTime(begun).TotalMicroseconds < wait;) Thread.SpinWait(10);
    }

    public async Task InAnIntakeAsync(CancellationToken cancellationToken)
    {
        var http = await ListeningAsync(cancellationToken);
        _call = People.OrderTwiceAsync(http, cancellationToken);
        await PauseAsync(40, cancellationToken);
    }

    public async Task InAnUploadAsync(CancellationToken cancellationToken)
    {
        People.Upload(Inbox);
        await ListeningAsync(cancellationToken);
        // The inbox is scanned once a second, and a file is read at the second scan.
        await PauseAsync(2200, cancellationToken);
    }

    public async Task InAResumeAsync(CancellationToken cancellationToken)
    {
        People.Rest = true;
        RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped, Late: _random.Next(2) == 0));
        var http = await ListeningAsync(cancellationToken);
        await UntilAsync(() => People.Orders.Any(o => o.IsInDoubt), cancellationToken);
        _call = People.ResumeTwiceAsync(http, People.Orders.First(o => o.IsInDoubt), cancellationToken);
        await PauseAsync(40, cancellationToken);
    }

    public async Task InARedeliveryAsync(CancellationToken cancellationToken)
    {
        var http = await ListeningAsync(cancellationToken);
        await UntilAsync(() => People.Orders.Any(o => o.IsSettled), cancellationToken);
        _call = People.RedeliverTwiceAsync(http, People.Orders.Last(o => o.IsSettled), cancellationToken);
        await PauseAsync(40, cancellationToken);
    }

    /// <summary>During some hosts the provider has a temporary fault.</summary>
    private void Trouble()
    {
        Fault[] troubles =
        [
            new(ApiCall.Status, FaultKind.BadGateway, Times: 2),
            new(ApiCall.Status, FaultKind.Dropped),
            new(ApiCall.Result, FaultKind.ServerError),
            new(ApiCall.Download, FaultKind.Truncated),
            new(ApiCall.Submit, FaultKind.ServerError, Late: true),
            new(ApiCall.Submit, FaultKind.ServerError),
            new(ApiCall.Submit, FaultKind.TooManyRequests, Times: 2),
            new(ApiCall.Submit, FaultKind.BadToken),
            new(ApiCall.Submit, FaultKind.HtmlPage, Late: true),
            new(ApiCall.Submit, FaultKind.Truncated, Late: true),
            new(ApiCall.Status, FaultKind.TooManyRequests, Times: 2),
            new(ApiCall.Status, FaultKind.NotFound),
            new(ApiCall.Status, FaultKind.NoBalance),
            new(ApiCall.Status, FaultKind.UnknownStatus),
            new(ApiCall.Result, FaultKind.BrokenJson),
            new(ApiCall.Cancel, FaultKind.Dropped, Late: true),
            new(ApiCall.Download, FaultKind.WrongLength),
            new(ApiCall.Download, FaultKind.Unavailable),
        ];
        foreach (var trouble in _random.GetItems(troubles, _random.Next(3)))
        {
            RunComfy.Inject(trouble);
            _figures.Count("troubles of the provider");
        }
    }

    private async Task<HttpClient> ListeningAsync(CancellationToken cancellationToken) => _http = new() { BaseAddress = await _host!.ListeningAsync(cancellationToken) };

    private async Task StrikeAsync(Fault fault, CancellationToken cancellationToken)
    {
        RunComfy.Inject(fault);
        await UntilAsync(() => !RunComfy.Behaviour.Faults.Contains(fault), cancellationToken);
    }

    private static async Task UntilAsync(Func<bool> isSo, CancellationToken cancellationToken)
    {
        while (!isSo()) await Task.Delay(5, cancellationToken);
    }
}
