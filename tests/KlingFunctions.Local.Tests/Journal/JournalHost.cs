using KlingFunctions.ComplianceTests;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Journal;

/// <summary>Local's engine over a journal in its own folder, with a clock that only advances when all is idle.</summary>
internal sealed class JournalHost : IWorkflowHost
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-journal-");
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly WorkflowCatalog _catalog;
    private JournalDatabase _database = null!;
    private DirectoryInfo _life = null!;
    private int _lives;
    private InstanceStore _store = null!;
    private WorkflowEngine _engine = null!;

    private JournalHost(WorkflowCatalog catalog) => _catalog = catalog;

    public TimeSpan ShortWait => TimeSpan.FromMinutes(1);

    public DateTimeOffset Now => _time.GetUtcNow();

    public FakeTimeProvider Time => _time;

    public JournalDatabase Database => _database;

    public InstanceStore Store => _store;

    public static async Task<JournalHost> StartAsync(WorkflowCatalog catalog)
    {
        var host = new JournalHost(catalog);
        await host.OpenAsync(host.NextLife());
        return host;
    }

    public Task<bool> StartAsync(string workflow, string id, string input) => _engine.StartAsync(workflow, id, input);

    public Task<bool> RaiseAsync(string id, string name) => _engine.RaiseAsync(id, name);

    public Task<InstanceView?> FindAsync(string id) => Task.FromResult(_store.Find(id) is not { } found ? null : new InstanceView(
        found.Outcome is not null, found.Status, found.Outcome is "completed" ? found.Output : null, found.Outcome is "failed" ? found.Output : null));

    public async Task<InstanceView> RunToEndAsync(string id)
    {
        while (true)
        {
            await RunToRestAsync(id);
            if (await FindAsync(id) is { HasEnded: true } ended) return ended;
            var due = _engine.NextDue ?? throw new InvalidOperationException($"{id} waits for an event that nobody raises.");
            _time.SetUtcNow(due);
        }
    }

    public async Task RunToRestAsync(string id)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (!_engine.IsIdle) await Task.Delay(1, limit.Token);
    }

    public async Task PassAsync(TimeSpan time)
    {
        await RunToRestAsync("");
        _time.Advance(time);
        await RunToRestAsync("");
    }

    /// <summary>
    /// Stops the engine as a host does, and waits for running steps until the token is cancelled; the journal stays open.
    /// </summary>
    public Task StopAsync(CancellationToken patience) => _engine.StopAsync(patience);

    public async Task KillAsync()
    {
        var (dead, next) = (_life, NextLife());
        try
        {
            // Only data that is on the disk now survives: waiting and later writes are lost.
            await _database.WriteAsync(db =>
            {
                foreach (var file in dead.EnumerateFiles("journal.db*")) Copy(file, next);
                db.Dispose();
                return 0;
            });
        }
        catch (InvalidOperationException)
        {
            // The writer is dead, as intended.
        }
        await CloseAsync();
        await OpenAsync(next);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _folder.Delete(recursive: true);
    }

    private DirectoryInfo NextLife() => _folder.CreateSubdirectory($"life-{++_lives}");

    private static void Copy(FileInfo file, DirectoryInfo to)
    {
        using var from = file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = File.Create(Path.Combine(to.FullName, file.Name));
        from.CopyTo(copy);
    }

    private async Task OpenAsync(DirectoryInfo life)
    {
        _life = life;
        _database = new JournalDatabase(life.FullName);
        _store = new InstanceStore(_database);
        _engine = new WorkflowEngine(_catalog, _store, _time, NullLogger<WorkflowEngine>.Instance);
        await _engine.StartAsync(CancellationToken.None);
    }

    private async Task CloseAsync()
    {
        // Cancelled already: running steps are interrupted at once.
        await _engine.StopAsync(new CancellationToken(canceled: true));
        _engine.Dispose();
        await _database.DisposeAsync();
    }
}

public sealed class JournalContract : WorkflowContextContract
{
    protected override async Task<IWorkflowHost> StartHostAsync(WorkflowCatalog catalog) => await JournalHost.StartAsync(catalog);
}
