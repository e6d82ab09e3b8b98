using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Tests.Storing;

internal sealed class MemoryVideoStore : IVideoStore
{
    public Dictionary<(string Job, string Name), (StoredFile File, byte[] Bytes)> Files { get; } = [];

    public int OpenSinks { get; private set; }

    public Exception? FailWrites { get; set; }

    public Exception? FailCommits { get; set; }

    public Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken ct) =>
        Task.FromResult(Files.TryGetValue((jobId, name), out var there) ? there.File : null);

    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken ct)
    {
        OpenSinks++;
        return Task.FromResult<VideoSink>(new Sink(this, jobId, name));
    }

    public async Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken ct) =>
        await FindAsync(jobId, name, ct) is { } file ? new(file, null, $"/{jobId}/{name}", DateTimeOffset.UnixEpoch) : null;

    private sealed class Sink(MemoryVideoStore store, string job, string name) : VideoSink
    {
        private readonly Buffer _buffer = new(store);
        private bool _open = true;

        public override Stream Stream => _buffer;

        public override Task<StoredFile> CommitAsync(StoredFile file, CancellationToken ct)
        {
            if (store.FailCommits is { } failure)
                throw failure;
            store.Files.TryAdd((job, name), (file, _buffer.ToArray()));
            return Task.FromResult(store.Files[(job, name)].File);
        }

        public override ValueTask DisposeAsync()
        {
            if (_open)
                store.OpenSinks--;
            _open = false;
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Buffer(MemoryVideoStore store) : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield(); // as a real store does: the network is read meanwhile
            if (store.FailWrites is { } failure)
                throw failure;
            Write(buffer.Span);
        }
    }
}
