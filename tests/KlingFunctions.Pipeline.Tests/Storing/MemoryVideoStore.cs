using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Tests.Storing;

internal sealed class MemoryVideoStore : IVideoStore
{
    public Dictionary<(string Job, string Name), (StoredFile File, byte[] Bytes)> Files { get; } = [];

    public int OpenSinks { get; private set; }

    public Exception? FailWrites { get; set; }

    public Exception? FailCommits { get; set; }

    public Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken cancellationToken) =>
        Task.FromResult(Files.TryGetValue((jobId, name), out var there) ? there.File : null);

    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        OpenSinks++;
        return Task.FromResult<VideoSink>(new Sink(this, jobId, name));
    }

    /// <summary>The suspended transfers.</summary>
    public Dictionary<(string Job, string Name), (Checkpoint Checkpoint, byte[] Bytes)> Left { get; } = [];

    public Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken cancellationToken)
    {
        if (!Left.TryGetValue((jobId, name), out var left)) return Task.FromResult<VideoSink?>(null);
        OpenSinks++;
        return Task.FromResult<VideoSink?>(new Sink(this, jobId, name, left.Checkpoint, left.Bytes));
    }

    public async Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken cancellationToken) =>
        await FindAsync(jobId, name, cancellationToken) is { } file ? new(file, null, $"/{jobId}/{name}", DateTimeOffset.UnixEpoch) : null;

    private sealed class Sink : VideoSink
    {
        private readonly MemoryVideoStore _store;
        private readonly (string Job, string Name) _key;
        private readonly Buffer _buffer;
        private bool _open = true;
        private bool _isSuspended;

        public Sink(MemoryVideoStore store, string job, string name, Checkpoint? checkpoint = null, byte[]? bytes = null)
        {
            (_store, _key, _buffer) = (store, (job, name), new(store));
            if (bytes is not null) _buffer.Write(bytes);
            Checkpoint = checkpoint;
        }

        public override Stream Stream => _buffer;

        public override Task<StoredFile> CommitAsync(StoredFile file, CancellationToken cancellationToken)
        {
            if (_store.FailCommits is { } failure)
                throw failure;
            _store.Files.TryAdd(_key, (file, _buffer.ToArray()));
            return Task.FromResult(_store.Files[_key].File);
        }

        public override Task SuspendAsync(Checkpoint checkpoint, CancellationToken cancellationToken)
        {
            _store.Left[_key] = (checkpoint, _buffer.ToArray());
            _isSuspended = true;
            return Task.CompletedTask;
        }

        public override ValueTask DisposeAsync()
        {
            if (_open)
                _store.OpenSinks--;
            _open = false;
            if (!_isSuspended) _store.Left.Remove(_key);
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Buffer(MemoryVideoStore store) : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield(); // Like a real store: the network is read meanwhile.
            if (store.FailWrites is { } failure)
                throw failure;
            Write(buffer.Span);
        }
    }
}
