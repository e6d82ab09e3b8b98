using System.Buffers;
using Azure.Storage.Blobs.Specialized;

namespace KlingFunctions.AzureStorage;

/// <summary>
/// Splits its input into blocks and stages them: one uploads while the next fills. Memory is two blocks, whatever the length.
/// </summary>
internal sealed class BlockStream : Stream
{
    /// <summary>The length of every block except the last, in bytes. A blob has at most 50,000 blocks.</summary>
    public const int BlockLength = 8 * 1024 * 1024;

    private readonly Func<ReadOnlyMemory<byte>, BlockBlobClient> _blobFor;

    // Block ids contain the writer's id, so that two writers of one blob do not mix. All ids of a blob must have the same length.
    private readonly Guid _writer = Guid.NewGuid();
    private readonly List<string> _blocks;
    private readonly CancellationTokenSource _stop = new();
    private byte[]? _filling;
    private byte[]? _spare;
    private int _filled;
    private long _length;
    private BlockBlobClient? _blob;
    private Task _staging = Task.CompletedTask;
    private bool _disposed;

    /// <param name="blobFor">Chooses the blob from the first bytes of the file. Called once, with the complete first block.</param>
    public BlockStream(Func<ReadOnlyMemory<byte>, BlockBlobClient> blobFor)
        : this(blobFor, [])
    {
    }

    private BlockStream(Func<ReadOnlyMemory<byte>, BlockBlobClient> blobFor, List<string> blocks) => (_blobFor, _blocks) = (blobFor, blocks);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => !_disposed;

    /// <summary>The bytes written so far.</summary>
    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        while (buffer.Length > 0)
        {
            _filling ??= ArrayPool<byte>.Shared.Rent(BlockLength);
            var count = Math.Min(buffer.Length, BlockLength - _filled);
            buffer[..count].CopyTo(_filling.AsMemory(_filled));
            buffer = buffer[count..];
            _filled += count;
            _length += count;
            if (_filled == BlockLength) await StageAsync(cancellationToken);
        }
    }

    /// <summary>Continues behind blocks that are staged already.</summary>
    /// <param name="blob">The blob with the staged blocks.</param>
    /// <param name="blocks">Their ids, in order.</param>
    /// <param name="length">Their total length in bytes.</param>
    public static BlockStream Continue(BlockBlobClient blob, IEnumerable<string> blocks, long length) =>
        new(_ => blob, [.. blocks]) { _blob = blob, _length = length };

    /// <summary>Stages the rest. Returns the blob, and its blocks in order.</summary>
    public async Task<(BlockBlobClient Blob, IReadOnlyList<string> Blocks)> StageAllAsync(CancellationToken cancellationToken)
    {
        if (_filled > 0) await StageAsync(cancellationToken);
        await _staging.WaitAsync(cancellationToken);
        return (_blob ?? throw new InvalidOperationException("Nothing was written."), _blocks);
    }

    /// <summary>Stages the rest. Returns the blocks in order.</summary>
    /// <param name="blob">The blob that must have them.</param>
    /// <param name="cancellationToken">Cancels the upload.</param>
    /// <exception cref="ArgumentException">The blocks are staged in another blob.</exception>
    public async Task<IReadOnlyList<string>> CompleteAsync(BlockBlobClient blob, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _blob ??= blob;
        if (_blob.Name != blob.Name) throw new ArgumentException($"What was written is {_blob.Name}, not {blob.Name}.", nameof(blob));
        return (await StageAllAsync(cancellationToken)).Blocks;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await _stop.CancelAsync();
        // The upload reads from the buffers until it has ended.
        await _staging.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_filling is not null) ArrayPool<byte>.Shared.Return(_filling);
        if (_spare is not null) ArrayPool<byte>.Shared.Return(_spare);
        _stop.Dispose();
        await base.DisposeAsync();
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Written to asynchronously only.");

    public override void Flush()
    {
        // Nothing is durable before the commit, so a flush has nothing to do.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task StageAsync(CancellationToken cancellationToken)
    {
        await _staging.WaitAsync(cancellationToken);
        var block = _filling!;
        (_filling, _spare) = (_spare, block);
        _blob ??= _blobFor(block.AsMemory(0, _filled));
        var id = Convert.ToBase64String([.. _writer.ToByteArray(), .. BitConverter.GetBytes(_blocks.Count)]);
        _staging = _blob.StageBlockAsync(id, new MemoryStream(block, 0, _filled, writable: false), options: null, _stop.Token);
        _blocks.Add(id);
        _filled = 0;
    }
}
