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

    private readonly string _connectionString;
    private readonly FileStream _lock;
    private readonly Statements _writer;
    private readonly Channel<IWrite> _writes = Channel.CreateUnbounded<IWrite>(new() { SingleReader = true });
    private readonly System.Collections.Concurrent.ConcurrentBag<Statements> _readers = [];
    private readonly Task _writing;

    /// <summary>Opens the journal of a data directory, making both if they are not there.</summary>
    /// <exception cref="JournalException">Another host uses it, or it can't be used: one sentence says why.</exception>
    public JournalDatabase(string directory)
    {
        var path = Path.Combine(directory, "journal.db");
        try
        {
            Directory.CreateDirectory(directory);
            _lock = new FileStream(Path.Combine(directory, "journal.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalException(
                $"The data directory '{directory}' can't be used: another host is running on it, or it can't be written. Stop that host, or set Local:DataDirectory to another folder. ({e.Message})", e);
        }
        try
        {
            _connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString;
            _writer = Open();
            // FULL: a commit has reached the disk before anyone acts on it. A lost intent is a second payment.
            _writer.Execute("PRAGMA journal_mode = WAL");
            _writer.Execute("PRAGMA synchronous = FULL");
            _writer.Execute(JournalSchema.Sql);
        }
        catch (SqliteException e)
        {
            _writer?.Dispose();
            _lock.Dispose();
            throw new JournalException(
                $"The journal '{path}' can't be opened: {e.Message} If it is damaged, move it away together with its -wal and -shm files and restore a backup.", e);
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
    /// <param name="committed">Told of it on the writer's own thread, in the order of the writes: it must be quick, and not throw.</param>
    public Task<T> WriteAsync<T>(Func<Statements, T> write, Action<T>? committed = null)
    {
        var item = new Write<T>(write, committed);
        ObjectDisposedException.ThrowIf(!_writes.Writer.TryWrite(item), this);
        return item.Task;
    }

    /// <summary>Runs a read on a snapshot of what is committed.</summary>
    public T Read<T>(Func<Statements, T> read)
    {
        if (!_readers.TryTake(out var statements)) statements = Open();
        try
        {
            return read(statements);
        }
        finally
        {
            _readers.Add(statements);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_writes.Writer.TryComplete()) return;
        await _writing;
        foreach (var reader in _readers) reader.Dispose();
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
            for (var i = 0; i < batch.Count; i++)
            {
                _writer.Execute("SAVEPOINT one");
                try
                {
                    batch[i].Run(_writer);
                }
                catch (Exception e)
                {
                    // One bad write must not take its neighbours in the batch down.
                    _writer.Execute("ROLLBACK TO one");
                    batch[i].Failed(e);
                }
                _writer.Execute("RELEASE one");
            }
            _writer.Execute("COMMIT");
        }
        catch (SqliteException e)
        {
            // Disk full, I/O error: nothing of the batch is on the disk. Whoever waits is told, and tries again later.
            try
            {
                _writer.Execute("ROLLBACK");
            }
            catch (SqliteException)
            {
                // The failed commit has rolled back by itself.
            }
            foreach (var write in batch) write.Failed(e);
            return;
        }
        foreach (var write in batch) write.Committed();
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

/// <summary>The journal can't be used: the message says why and what to do.</summary>
internal sealed class JournalException(string message, Exception inner) : Exception(message, inner);
