using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Stores;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Local.Tests.Stores;

public sealed class SqliteLedgerTests : LedgerContract, IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-ledger-");
    private JournalDatabase _database;

    public SqliteLedgerTests() => _database = new(_folder.FullName);

    protected override ISubmissionLedger Ledger => new SqliteLedger(_database);

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Intent_without_an_id_is_from_a_process_that_died()
    {
        await Ledger.TryIntendAsync("key", Now, Cancel);
        Assert.False((await Ledger.FindAsync("key", Cancel))!.MayBeUnderWay);
    }

    protected override async Task RestartAsync()
    {
        await _database.DisposeAsync();
        _database = new(_folder.FullName);
    }
}

public sealed class SqliteDocumentsTests : DocumentsContract, IAsyncDisposable
{
    private readonly TemporaryJournal _journal = new();

    protected override IDocuments Documents => new SqliteDocuments(_journal.Database);

    public ValueTask DisposeAsync() => _journal.DisposeAsync();
}

public sealed class SqliteQuotaTests : QuotaContract, IAsyncDisposable
{
    private readonly TemporaryJournal _journal = new();

    protected override IDocuments Documents => new SqliteDocuments(_journal.Database);

    public ValueTask DisposeAsync() => _journal.DisposeAsync();
}

public sealed class SqliteSubscriptionsTests : SubscriptionsContract, IAsyncDisposable
{
    private readonly TemporaryJournal _journal = new();

    protected override IDocuments Documents => new SqliteDocuments(_journal.Database);

    public ValueTask DisposeAsync() => _journal.DisposeAsync();
}

public sealed class SqliteDeadLettersTests : DeadLettersContract, IAsyncDisposable
{
    private readonly TemporaryJournal _journal = new();

    protected override IDocuments Documents => new SqliteDocuments(_journal.Database);

    public ValueTask DisposeAsync() => _journal.DisposeAsync();
}

/// <summary>A journal in its own folder.</summary>
internal sealed class TemporaryJournal : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-stores-");

    public TemporaryJournal() => Database = new(_folder.FullName);

    public JournalDatabase Database { get; }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
