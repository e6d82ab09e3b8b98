namespace KlingFunctions.Simulator;

/// <summary>An answer whose body is sent in small pieces, each after a pause on the simulator's clock.</summary>
internal sealed class SlowAnswer(IResult answer, Behaviour behaviour, TimeProvider time) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var body = httpContext.Response.Body;
        await using var drips = new Drips(body, Math.Max(1, behaviour.SlowBytes), behaviour.SlowPause, time);
        httpContext.Response.Body = drips;
        try
        {
            await answer.ExecuteAsync(httpContext);
        }
        finally
        {
            httpContext.Response.Body = body;
        }
    }

    private sealed class Drips(Stream body, int size, TimeSpan pause, TimeProvider time) : Stream
    {
        private int _left;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (buffer.Length > 0)
            {
                if (_left == 0)
                {
                    await body.FlushAsync(cancellationToken);
                    await Task.Delay(pause, time, cancellationToken);
                    _left = size;
                }
                var count = Math.Min(_left, buffer.Length);
                await body.WriteAsync(buffer[..count], cancellationToken);
                _left -= count;
                buffer = buffer[count..];
            }
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => body.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
