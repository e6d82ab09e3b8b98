using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Local.Journal;

/// <summary>
/// The SQLite file that everything durable on this machine is written to. One writer takes whatever is waiting and commits it
/// together (group commit), so that a thousand jobs share the price of one flush; readers never wait for it.
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

    // Connections that no read uses at present. A read holds its thread, so there are never more of them than threads.
    private readonly Stack<Statements> _readers = [];
    private bool _closed;

    /// <summary>Opens the journal of a data directory, making both if they are not there.</summary>
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
            JournalFaults.RefuseWhatLostItsFile(_path);
            _connectionString = new SqliteConnectionStringBuilder { DataSource = _path, Pooling = false }.ConnectionString;
            _writer = Open();
            var format = JournalFaults.RefuseWhatIsNotOurs(_writer, _path);
            // FULL: a commit has reached the disk before anyone acts on it. A lost intent is a second payment.
            _writer.Execute("PRAGMA journal_mode = WAL");
            _writer.Execute("PRAGMA synchronous = FULL");
            // Only this makes macOS empty the disk's own cache; elsewhere it does nothing.
            _writer.Execute("PRAGMA fullfsync = ON");
            _writer.Execute(JournalSchema.Sql(format));
        }
        catch (Exception e)
        {
            _writer?.Dispose();
            _lock.Dispose();
            if (JournalFaults.TryTell(e, _path, out var told)) throw told;
            throw;
        }
        _writing = Task.Run(WriteAllAsync);
    }

    private interface IWrite
    {
        void Run(Statements statements);

        void Committed();

        void Failed(Exception reason);
    }

    /// <summary>Runs a write in the next commit, and completes when that is on the disk. Writes keep the order of their calls.</summary>
    /// <param name="write">The write.</param>
    /// <exception cref="JournalException">It can't be written at present: one sentence says why. Nothing of it is on the disk.</exception>
    /// <param name="committed">Told of it on the writer's own thread, in the order of the writes: it must be quick, and not throw.</param>
    public Task<T> WriteAsync<T>(Func<Statements, T> write, Action<T>? committed = null)
    {
        var item = new Write<T>(write, committed);
        ObjectDisposedException.ThrowIf(!_writes.Writer.TryWrite(item), this);
        return item.Task;
    }

    /// <summary>Runs a read on a snapshot of what is committed.</summary>
    /// <exception cref="JournalException">It can't be read at present: one sentence says why.</exception>
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
            // It may be left in a transaction, and would show its old snapshot to every read to come.
            statements?.Dispose();
            if (JournalFaults.TryTell(e, _path, out var told)) throw told;
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
            // Disk full, I/O error: nothing of the batch is on the disk. Whoever waits is told, and tries again later. The writer goes on
            // whatever it was: without it all would wait for ever.
            foreach (var write in batch) write.Failed(Told(e));
            RollBack();
            return;
        }
        foreach (var write in batch) write.Committed();
    }

    /// <summary>Runs one write of a batch such that, if it fails, it does not take its neighbours down.</summary>
    private void RunAlone(IWrite write)
    {
        _writer.Execute("SAVEPOINT one");
        try
        {
            write.Run(_writer);
        }
        catch (Exception e) when (_writer.IsInTransaction)
        {
            // If it is not, SQLite has itself rolled everything back, as it does when the disk is full.
            _writer.Execute("ROLLBACK TO one");
            write.Failed(Told(e));
        }
        _writer.Execute("RELEASE one");
    }

    private Exception Told(Exception e) => JournalFaults.TryTell(e, _path, out var told) ? told : e;

    private void RollBack()
    {
        try
        {
            if (_writer.IsInTransaction) _writer.Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
            // The next BEGIN says what is wrong.
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
            // A write that failed on its own was not written, though its neighbours in the batch were.
            if (_done.TrySetResult(_result!)) committed?.Invoke(_result!);
        }

        public void Failed(Exception reason) => _done.TrySetException(reason);
    }
}
