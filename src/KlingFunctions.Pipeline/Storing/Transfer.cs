using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// One file on its way from the provider into the store, in as many tries as it takes. Each byte is read once into one of two buffers;
/// while one buffer fills from the network, the other is hashed and written at the same time, so that the slowest of the three sets the
/// pace. Memory is the two buffers, whatever the file's size.
/// </summary>
internal sealed class Transfer(
    GuardedClient client, IVideoStore store, string jobId, string requestId, OutputFile file, string storedName, Uri url, long mostBytes,
    Func<Uri, bool> mayFollow, TimeProvider time)
    : IAsyncDisposable
{
    /// <summary>Less than this is no progress, neither in a try nor in a minute: a server that trickles would otherwise hold a job for years.</summary>
    public const int LeastProgress = 64 * 1024;

    private const int BufferLength = 1024 * 1024;
    private const int MostRedirects = 5;
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(60);

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _head = new byte[MediaFormat.HeadLength];
    private VideoSink? _sink;
    private MediaFormat? _format;
    private Mp4Boxes _boxes = new();
    private long _length;
    private long? _total;
    private string? _validator;

    /// <summary>A try that broke off, from which the next may go on.</summary>
    /// <param name="Reason">A sentence.</param>
    /// <param name="RetryAfter">How long the server asks to wait.</param>
    public sealed record Break(string Reason, TimeSpan? RetryAfter = null);

    /// <summary>The furthest byte that any try has reached: what tells progress from running in circles.</summary>
    public long Furthest { get; private set; }

    /// <summary>Fetches what is missing.</summary>
    /// <returns>Null when the file is complete, otherwise why it is not.</returns>
    /// <exception cref="KeepingFailedException">Going on makes no sense.</exception>
    public async Task<Break?> TryAsync(CancellationToken ct)
    {
        // Without a validator nobody can tell whether the rest still belongs to the beginning.
        if (_sink is null || (_length > 0 && _validator is null))
            await StartOverAsync(ct);

        using var silence = new CancellationTokenSource(LongestSilence, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, silence.Token);
        using var request = Request();
        HttpResponseMessage response;
        try
        {
            response = await client.SendAsync(request, MostRedirects, mayFollow, either.Token);
        }
        catch (UrlRefusedException e)
        {
            throw new KeepingFailedException(ErrorCodes.VideoHostRefused, $"The {file.Name} can't be fetched. {e.Message}", mayRetry: false, e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            ct.ThrowIfCancellationRequested();
            return new Break(silence.IsCancellationRequested ? "did not answer within 60 seconds" : "could not be reached");
        }

        using (response)
        {
            if (await ReadHeadersAsync(response, ct) is { } broken)
                return broken;
            silence.CancelAfter(Timeout.InfiniteTimeSpan);
            await using var source = await response.Content.ReadAsStreamAsync(ct);
            return await PumpAsync(source, silence, either.Token, ct);
        }
    }

    /// <summary>Makes the complete file visible.</summary>
    public async Task<StoredFile> CommitAsync(CancellationToken ct)
    {
        var format = _format!;
        var kind = format.Kind == OutputKind.Video ? "video" : "image";
        var stored = new StoredFile(storedName, kind, format.ContentType, _length, Convert.ToHexStringLower(_hash.GetHashAndReset()), requestId);
        var there = await StoreFault.WrapAsync(() => _sink!.CommitAsync(stored, ct), ct);
        return there.RequestId == requestId
            ? RequestFiles.Plain(there, file.Name)
            : throw new KeepingFailedException(ErrorCodes.StorageFailed, "Another request's file was stored under this name meanwhile.", mayRetry: true);
    }

    public async ValueTask DisposeAsync()
    {
        _hash.Dispose();
        if (_sink is not null)
            await _sink.DisposeAsync();
    }

    private async Task StartOverAsync(CancellationToken ct)
    {
        (_total, _validator) = (null, null);
        if (_sink is not null)
            await _sink.DisposeAsync();
        _sink = null;
        _sink = await StoreFault.WrapAsync(() => store.CreateAsync(jobId, storedName, ct), ct);
        _hash.GetHashAndReset();
        (_length, _format, _boxes) = (0, null, new());
    }

    private HttpRequestMessage Request()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.AcceptEncoding.ParseAdd("identity"); // the bytes of the file are wanted, not a packing of them
        if (_length > 0)
        {
            request.Headers.Range = new RangeHeaderValue(_length, null);
            request.Headers.TryAddWithoutValidation("If-Range", _validator);
        }

        return request;
    }

    private async Task<Break?> ReadHeadersAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent when _length > 0 && response.Content.Headers.ContentRange is { } range && range.From == _length
                && (_total is null || range.Length is null || range.Length == _total)
                // Not every server that knows ranges knows If-Range.
                && (ValidatorOf(response) ?? _validator) == _validator:
                _total ??= range.Length;
                return null;
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable:
                await StartOverAsync(ct);
                return new Break("answered with another part than the one that was asked for");
            case HttpStatusCode.OK:
                if (_length > 0)
                    await StartOverAsync(ct); // the server knows no ranges, or the file has changed
                break;
            case HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or (HttpStatusCode)425:
            case >= HttpStatusCode.InternalServerError:
                return new Break($"answered HTTP {status}", RetryAfter.Read(response.Headers, time));
            default:
                throw new KeepingFailedException(ErrorCodes.VideoUnreachable, $"The {file.Name} can't be fetched: {url.Host} answered HTTP {status}.", mayRetry: true);
        }

        var headers = response.Content.Headers;
        _total = headers.ContentLength;
        _validator = ValidatorOf(response);
        CheckSize(_total ?? 0);
        // Object stores call what nobody has labelled application/octet-stream or binary/octet-stream. The file's own first bytes decide in
        // the end.
        var told = headers.ContentType?.MediaType ?? "application/octet-stream";
        var wanted = file.Kind == OutputKind.Video ? "video/" : "image/";
        if (!told.StartsWith(wanted, StringComparison.OrdinalIgnoreCase) && !told.EndsWith("/octet-stream", StringComparison.OrdinalIgnoreCase))
            throw new KeepingFailedException(ErrorCodes.VideoInvalid, $"The {file.Name} is served as {told}, not as {wanted}*.", mayRetry: true);
        return null;
    }

    // A weak tag does not vouch for bytes, and may not stand in If-Range (RFC 9110, section 13.1.5).
    private static string? ValidatorOf(HttpResponseMessage response) =>
        response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : response.Content.Headers.LastModified?.ToString("r");

    private async Task<Break?> PumpAsync(Stream source, CancellationTokenSource silence, CancellationToken either, CancellationToken ct)
    {
        var filling = ArrayPool<byte>.Shared.Rent(BufferLength);
        var draining = ArrayPool<byte>.Shared.Rent(BufferLength);
        var drained = Task.CompletedTask;
        try
        {
            while (true)
            {
                var (count, broken) = await FillAsync(source, filling, silence, either, ct);
                await drained;
                if (count > 0)
                {
                    Account(filling.AsSpan(0, count));
                    (filling, draining) = (draining, filling);
                    drained = DrainAsync(draining.AsMemory(0, count), ct);
                }

                if (broken is not null || count < BufferLength)
                {
                    await drained;
                    return broken ?? Complete();
                }
            }
        }
        finally
        {
            // Only then does nobody read from the buffers any more.
            await drained.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ArrayPool<byte>.Shared.Return(filling);
            ArrayPool<byte>.Shared.Return(draining);
        }
    }

    /// <summary>Reads until the buffer is full, or the source is at its end or breaks: what came before that still counts.</summary>
    private static async Task<(int Count, Break? Broken)> FillAsync(
        Stream source, byte[] buffer, CancellationTokenSource silence, CancellationToken either, CancellationToken ct)
    {
        var (count, heard) = (0, 0);
        try
        {
            silence.CancelAfter(LongestSilence);
            while (count < BufferLength)
            {
                if (count - heard >= LeastProgress)
                {
                    silence.CancelAfter(LongestSilence);
                    heard = count;
                }
                var read = await source.ReadAsync(buffer.AsMemory(count, BufferLength - count), either);
                if (read == 0)
                    break;
                count += read;
            }

            silence.CancelAfter(Timeout.InfiniteTimeSpan); // waiting for the store is not the network's silence
            return (count, null);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            ct.ThrowIfCancellationRequested();
            return (count, new Break(silence.IsCancellationRequested ? "sent nothing, or next to nothing, for 60 seconds" : "broke the connection off"));
        }
    }

    private void Account(ReadOnlySpan<byte> chunk)
    {
        if (_length < _head.Length)
            chunk[..(int)Math.Min(chunk.Length, _head.Length - _length)].CopyTo(_head.AsSpan((int)_length));
        _boxes.Take(chunk);
        _length += chunk.Length;
        Furthest = Math.Max(Furthest, _length);
        CheckSize(_length);
        if (_length >= _head.Length)
            CheckFormat();
    }

    private async Task DrainAsync(ReadOnlyMemory<byte> chunk, CancellationToken ct)
    {
        var hashed = Task.Run(() => _hash.AppendData(chunk.Span), CancellationToken.None);
        try
        {
            await StoreFault.WrapAsync(async () =>
            {
                await _sink!.Stream.WriteAsync(chunk, ct);
                return true;
            }, ct);
        }
        finally
        {
            await hashed;
        }
    }

    private Break? Complete()
    {
        if (_total is { } total && _length != total)
            return new Break($"ended after {_length} of {total} bytes");
        if (_length == 0)
            throw new KeepingFailedException(ErrorCodes.VideoInvalid, $"The {file.Name} is empty.", mayRetry: true);
        CheckFormat();
        return _boxes.EndTooEarly ? new Break($"ended after {_length} bytes, in the middle of what the file says that it holds") : null;
    }

    private void CheckSize(long bytes)
    {
        if (bytes > mostBytes)
        {
            throw new KeepingFailedException(
                ErrorCodes.VideoTooLarge, $"The {file.Name} is larger than the {mostBytes} bytes that Storage:MaxVideoBytes allows.", mayRetry: false);
        }
    }

    private void CheckFormat()
    {
        _format ??= MediaFormat.Recognise(_head.AsSpan(0, (int)Math.Min(_length, _head.Length)));
        if (_format?.Kind != file.Kind)
        {
            throw new KeepingFailedException(ErrorCodes.VideoInvalid, $"The {file.Name} is not {(file.Kind == OutputKind.Video
                ? "a video: its first bytes are not those of an MP4, QuickTime or WebM file"
                : "an image: its first bytes are not those of a JPEG, PNG, WebP or GIF file")}.", mayRetry: false);
        }
    }
}
