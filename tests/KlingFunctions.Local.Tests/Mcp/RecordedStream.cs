using System.Text;

namespace KlingFunctions.Local.Tests.Mcp;

/// <summary>Passes a stream on to its reader, and keeps a copy.</summary>
internal sealed class RecordedStream(Stream stream) : Stream
{
    private readonly MemoryStream _copy = new();

    /// <summary>The bytes read so far, as text.</summary>
    public string Text
    {
        get
        {
            lock (_copy) return Encoding.UTF8.GetString(_copy.ToArray());
        }
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Keep(buffer.AsSpan(offset, stream.Read(buffer, offset, count)));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await stream.ReadAsync(buffer, cancellationToken);
        return Keep(buffer.Span[..count]);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Keep(ReadOnlySpan<byte> bytes)
    {
        lock (_copy) _copy.Write(bytes);
        return bytes.Length;
    }
}
