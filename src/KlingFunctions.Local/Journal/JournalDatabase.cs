using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Journal;

/// <summary>
/// The SQLite file with everything durable on this machine. One writer commits all waiting writes together (group commit), so that a
/// thousand jobs share the price of one flush. Readers never wait for the writer.
/// </summary>
internal sealed class JournalDatabase : IAsyncDisposable
{
    private const int MaxBatch = 512;

    private readonly string _path;
    private readonly string _connectionString;
    private readonly FileStream _lock;
    private readonly Statements _writer;
    private readonly Channel<IWrite> _writes = Channel.CreateUnbounded<IWrite>(new() { SingleReader = true });
    private readonly Task _writing;

    // Idle read connections. A read occupies its thread, so there are never more connections than threads.
    private readonly Stack<Statements> _readers = [];
    private bool _closed;

    /// <summary>Opens the journal of a data directory, and creates both if they are missing.</summary>
    /// <exception cref="JournalException">Another host uses it, or it can't be used: one sentence says why.</exception>
    public JournalDatabase(string directory)
    {
        _path = Path.Combine(directory, "journal.db");
        try
        {
            Directory.CreateDirectory(directory);
            _lock = new FileStream(Path.Combine(directory, "journal.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw JournalFaults.OfFolder(directory, e);
        }
        try
        {
            JournalFaults.RefuseLoneWal(_path);
            _connectionString = new SqliteConnectionStringBuilder { DataSource = _path, Pooling = false }.ConnectionString;
            _writer = Open();
            var format = JournalFaults.RefuseForeignFile(_writer, _path);
            // FULL: each commit is on the disk before the next action. A lost intent is a second payment.
            _writer.Execute("PRAGMA journal_mode = WAL");
            _writer.Execute("PRAGMA synchronous = FULL");
            // Only this makes macOS flush the disk's own cache; elsewhere it has no effect.
            _writer.Execute("PRAGMA fullfsync = ON");
            _writer.Execute(JournalSchema.Sql(format));
        }
        catch (Exception e)
        {
            _writer?.Dispose();
            _lock.Dispose();
            if (JournalFaults.TryExplain(e, _path, out var fault)) throw fault;
            throw;
        }
        _writing = Task.Run(WriteAllAsync);
    }

    /// <summary>The data directory.</summary>
    public string Folder => Path.GetDirectoryName(_path)!;

    private interface IWrite
    {
        void Run(Statements statements);

        void Committed();

        void Failed(Exception reason);
    }

    /// <summary>Runs a write in the next commit, and completes when that is on the disk. Writes keep the order of their calls.</summary>
    /// <param name="write">The write.</param>
    /// <exception cref="JournalException">The journal can't be written at present: one sentence says why. Nothing of this write is on the
    /// disk.</exception>
    /// <param name="committed">Called with the result on the writer thread, in the order of the writes: it must be quick, and must not
    /// throw.</param>
    public Task<T> WriteAsync<T>(Func<Statements, T> write, Action<T>? committed = null)
    {
        var item = new Write<T>(write, committed);
        ObjectDisposedException.ThrowIf(!_writes.Writer.TryWrite(item), this);
        return item.Task;
    }

    /// <summary>Runs a read on a snapshot of the committed state.</summary>
    /// <exception cref="JournalException">The journal can't be read at present: one sentence says why.</exception>
    public T Read<T>(Func<Statements, T> read)
    {
        Statements? statements;
        lock (_readers)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _readers.TryPop(out statements);
        }
        T result;
        try
        {
            statements ??= Open();
            result = read(statements);
        }
        catch (Exception e)
        {
            // The connection may still be in a transaction, whose old snapshot every later read would see.
            statements?.Dispose();
            if (JournalFaults.TryExplain(e, _path, out var fault)) throw fault;
            throw;
        }
        lock (_readers)
        {
            if (!_closed) _readers.Push(statements);
            else statements.Dispose();
        }
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_writes.Writer.TryComplete()) return;
        await _writing;
        lock (_readers)
        {
            _closed = true;
            foreach (var reader in _readers) reader.Dispose();
        }
        _writer.Dispose();
        await _lock.DisposeAsync();
    }

    private Statements Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        var statements = new Statements(connection);
        statements.Execute("PRAGMA busy_timeout = 10000");
        return statements;
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<IWrite>(MaxBatch);
        while (await _writes.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && _writes.Reader.TryRead(out var write)) batch.Add(write);
            Commit(batch);
        }
    }

    private void Commit(List<IWrite> batch)
    {
        try
        {
            _writer.Execute("BEGIN IMMEDIATE");
            foreach (var write in batch) RunAlone(write);
            _writer.Execute("COMMIT");
        }
        catch (Exception e)
        {
            // Disk full or I/O error: nothing of the batch is on the disk. Its callers get the error and try again later. The writer
            // continues after any exception; otherwise all later writes would wait for ever.
            foreach (var write in batch) write.Failed(Explained(e));
            RollBack();
            return;
        }
        foreach (var write in batch) write.Committed();
    }

    /// <summary>Runs one write of a batch in a savepoint, so that its failure leaves the other writes of the batch intact.</summary>
    private void RunAlone(IWrite write)
    {
        _writer.Execute("SAVEPOINT one");
        try
        {
            write.Run(_writer);
        }
        catch (Exception e) when (_writer.IsInTransaction)
        {
            // Without a transaction, SQLite has rolled the whole batch back itself, as it does when the disk is full.
            _writer.Execute("ROLLBACK TO one");
            write.Failed(Explained(e));
        }
        _writer.Execute("RELEASE one");
    }

    private Exception Explained(Exception e) => JournalFaults.TryExplain(e, _path, out var fault) ? fault : e;

    private void RollBack()
    {
        try
        {
            if (_writer.IsInTransaction) _writer.Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
            // The next BEGIN reports the fault.
        }
    }

    private sealed class Write<T>(Func<Statements, T> write, Action<T>? committed) : IWrite
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _result;

        public Task<T> Task => _done.Task;

        public void Run(Statements statements) => _result = write(statements);

        public void Committed()
        {
            // A write that failed alone was rolled back, although the rest of its batch was committed.
            if (_done.TrySetResult(_result!)) committed?.Invoke(_result!);
        }

        public void Failed(Exception reason) => _done.TrySetException(reason);
    }
}
