using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// The transfer of one file from the provider into the store, over several tries if needed. Each byte is read once into one of two
/// buffers; while one fills from the network, the other is hashed and written, so the slowest of the three sets the pace. Memory is the
/// two buffers, whatever the file's size.
/// </summary>
internal sealed class Transfer(
    GuardedClient client, IVideoStore store, string jobId, string requestId, OutputFile file, string storedName, Uri url, long mostBytes,
    Func<Uri, bool> mayFollow, TimeProvider time)
    : IAsyncDisposable
{
    /// <summary>The least progress, in a try and in a minute: a server that trickles would otherwise hold a job for years.</summary>
    public const int LeastProgress = 64 * 1024;

    private const int BufferLength = 1024 * 1024;
    private const int MostRedirects = 5;
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(60);

    private readonly byte[] _head = new byte[MediaFormat.HeadLength];
    private ResumableSha256 _hash = new();
    private VideoSink? _sink;
    private MediaFormat? _format;
    private Mp4Boxes _boxes = new();
    private long _length;
    private long? _total;
    private string? _validator;
    private string _declaredEncoding = "";
    private bool _isPacked;
    private int _rangeFailures;

    /// <summary>An interrupted try; the next may resume.</summary>
    /// <param name="Reason">A sentence.</param>
    /// <param name="RetryAfter">The wait that the server asks for.</param>
    public sealed record Interruption(string Reason, TimeSpan? RetryAfter = null);

    /// <summary>The furthest byte that any try has reached: shows progress over several tries.</summary>
    public long Furthest { get; private set; }

    /// <summary>The number of bytes written.</summary>
    public long Length => _length;

    /// <summary>The number of bytes left by an earlier run.</summary>
    public long Continued { get; private set; }

    /// <summary>Whether a later run could resume here.</summary>
    public bool CanSuspend => _validator is not null && !_isPacked && _format is not null && _sink is not null;

    /// <summary>Whether the file's own boxes are complete, even if the server had announced another length.</summary>
    public bool IsWhole => _boxes.AreWhole && _format?.Kind == file.Kind;

    /// <summary>Downloads the missing bytes.</summary>
    /// <param name="limits">The time limits of this run.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>Null when the file is complete, otherwise the interruption.</returns>
    /// <exception cref="TransferFailedException">A further try is useless.</exception>
    public async Task<Interruption?> TryAsync(RunLimits limits, CancellationToken cancellationToken)
    {
        if (_sink is null)
            await ContinueOrStartAsync(cancellationToken);
        // Without a validator, the rest may belong to another version of the file.
        else if (_length > 0 && _validator is null)
            await StartOverAsync(cancellationToken);

        using var silence = new CancellationTokenSource(LongestSilence, time);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        using var request = Request();
        HttpResponseMessage response;
        try
        {
            response = await client.SendAsync(request, MostRedirects, mayFollow, waiting.Token);
        }
        catch (UrlRefusedException e)
        {
            throw new TransferFailedException(ErrorCodes.VideoHostRefused, $"The {file.Name} can't be fetched. {e.Message}", mayRetry: false, e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new Interruption(silence.IsCancellationRequested ? "did not answer within 60 seconds"
                : e is HttpRequestException { HttpRequestError: HttpRequestError.ProxyTunnelError } ? "is not connected to by the proxy that Network:Proxy names"
                : "could not be reached");
        }

        using (response)
        {
            if (await ReadHeadersAsync(response, cancellationToken) is { } broken)
                return IsWhole && response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable ? null : broken;
            silence.CancelAfter(LongestSilence);
            var source = await response.Content.ReadAsStreamAsync(cancellationToken);
            if (_length == 0)
            {
                try
                {
                    (source, _isPacked) = await PackedBody.OpenAsync(
                        source, response.Content.Headers.ContentEncoding, head => MediaFormat.Recognise(head) is not null, waiting.Token);
                }
                catch (Exception e) when (IsInterruption(e))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    return new Interruption("broke the connection off");
                }
                if (_isPacked)
                    (_total, _validator) = (null, null); // both describe the compressed bytes
            }
            var canGoOnLater = _validator is not null && !_isPacked;
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token, canGoOnLater ? limits.Soft : limits.Hard);
            await using (source)
                return await PumpAsync(source, silence, either.Token, cancellationToken);
        }
    }

    /// <summary>Saves the bytes received so far for a later run.</summary>
    public async Task SuspendAsync(CancellationToken cancellationToken)
    {
        var head = Convert.ToBase64String(_head, 0, (int)Math.Min(_length, _head.Length));
        var checkpoint = new Checkpoint(requestId, _length, _hash.State, head, _validator!, _total, _boxes.Read);
        await StoreFault.WrapAsync(async () =>
        {
            await _sink!.SuspendAsync(checkpoint, cancellationToken);
            return true;
        }, cancellationToken);
    }

    /// <summary>Makes the complete file visible.</summary>
    public async Task<StoredFile> CommitAsync(CancellationToken cancellationToken)
    {
        var format = _format!;
        var kind = format.Kind == OutputKind.Video ? "video" : "image";
        var stored = new StoredFile(storedName, kind, format.ContentType, _length, _hash.Finish(), requestId);
        var there = await StoreFault.WrapAsync(() => _sink!.CommitAsync(stored, cancellationToken), cancellationToken);
        return there.RequestId == requestId
            ? RequestFiles.AsListed(there, file.Name)
            : throw new TransferFailedException(ErrorCodes.StorageFailed, "Another request's file was stored under this name meanwhile.", mayRetry: true);
    }

    public async ValueTask DisposeAsync()
    {
        if (_sink is not null)
            await _sink.DisposeAsync();
    }

    private async Task ContinueOrStartAsync(CancellationToken cancellationToken)
    {
        _sink = await StoreFault.WrapAsync(() => store.ContinueAsync(jobId, storedName, cancellationToken), cancellationToken);
        if (_sink?.Checkpoint is not { } left || left.RequestId != requestId || !TryRestore(left))
            await StartOverAsync(cancellationToken);
    }

    private bool TryRestore(Checkpoint left)
    {
        try
        {
            var head = Convert.FromBase64String(left.Head);
            (_hash, _boxes) = (ResumableSha256.Restore(left.Hash), Mp4Boxes.Restore(left.Boxes));
            head.AsSpan(0, Math.Min(head.Length, _head.Length)).CopyTo(_head);
            _format = MediaFormat.Recognise(_head.AsSpan(0, Math.Min(head.Length, _head.Length)));
            (_length, _total, _validator) = (left.Length, left.Total, left.Validator);
            Continued = Furthest = left.Length;
            return _format?.Kind == file.Kind;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private async Task StartOverAsync(CancellationToken cancellationToken)
    {
        (_total, _validator) = (null, null);
        if (_sink is not null)
            await _sink.DisposeAsync();
        _sink = null;
        _sink = await StoreFault.WrapAsync(() => store.CreateAsync(jobId, storedName, cancellationToken), cancellationToken);
        (_length, _format, _boxes, _hash, _isPacked) = (0, null, new(), new(), false);
    }

    private HttpRequestMessage Request()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Options.Set(GuardedClient.IsOwnersHost, true);
        request.Headers.AcceptEncoding.ParseAdd("identity"); // the bytes of the file, not a compressed form
        if (_length > 0)
        {
            request.Headers.Range = new RangeHeaderValue(_length, null);
            request.Headers.TryAddWithoutValidation("If-Range", _validator);
        }

        return request;
    }

    private async Task<Interruption?> ReadHeadersAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var status = (int)response.StatusCode;
        var headers = response.Content.Headers;
        var encoding = string.Join(',', headers.ContentEncoding);
        switch (response.StatusCode)
        {
            // Some servers send the whole file, or its beginning, as a part that was not asked for.
            case HttpStatusCode.PartialContent when _length == 0 && headers.ContentRange is { From: 0, Unit: "bytes" } range:
                (_total, _validator, _declaredEncoding) = (range.Length ?? headers.ContentLength, ValidatorOf(response), encoding);
                CheckSize(_total ?? 0);
                return null;
            case HttpStatusCode.PartialContent when _length > 0 && headers.ContentRange is { } range && range.From == _length
                && (_total is null || range.Length is null || range.Length == _total)
                // Some servers support ranges but not If-Range.
                && (ValidatorOf(response) ?? _validator) == _validator
                && (encoding.Length == 0 || encoding == _declaredEncoding):
                _total ??= range.Length;
                return null;
            case HttpStatusCode.RequestedRangeNotSatisfiable when IsWhole && headers.ContentRange?.Length == _length:
                return new Interruption("has no more than this");
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable:
                await StartOverAsync(cancellationToken);
                return new Interruption("answered with another part than the one that was asked for");
            // 203: a proxy on the way has changed the headers.
            case HttpStatusCode.OK or HttpStatusCode.NonAuthoritativeInformation:
                if (_length > 0)
                    await StartOverAsync(cancellationToken); // the server does not support ranges, or the file has changed
                break;
            case HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or (HttpStatusCode)425:
                return new Interruption($"answered HTTP {status}", RetryAfter.Read(response.Headers, time));
            case >= HttpStatusCode.InternalServerError:
                // The failure may be due to the range: retry without it.
                if (_length > 0 && ++_rangeFailures > 1)
                    await StartOverAsync(cancellationToken);
                return new Interruption($"answered HTTP {status}", RetryAfter.Read(response.Headers, time));
            default:
                if (_length > 0)
                {
                    await StartOverAsync(cancellationToken);
                    return new Interruption($"answered HTTP {status} to a request for the rest");
                }
                throw new TransferFailedException(ErrorCodes.VideoUnreachable, $"The {file.Name} can't be fetched: {url.Host} answered HTTP {status}.", mayRetry: true);
        }

        _total = headers.ContentLength;
        _validator = ValidatorOf(response);
        _declaredEncoding = encoding;
        CheckSize(_total ?? 0);
        // Servers send video/mp4 as application/mp4, binary/octet-stream, text/plain or without a type: the file's first bytes decide. Only
        // an HTML page is refused by its type.
        if (headers.ContentType?.MediaType is { } told && (told.Equals("text/html", StringComparison.OrdinalIgnoreCase) || told.StartsWith("application/xhtml", StringComparison.OrdinalIgnoreCase)))
            throw new TransferFailedException(ErrorCodes.VideoInvalid, $"The {file.Name} is served as {told}: a page instead of a file.", mayRetry: true);
        return null;
    }

    // A weak tag does not identify bytes, and must not be in If-Range (RFC 9110, section 13.1.5).
    private static string? ValidatorOf(HttpResponseMessage response) =>
        response.Headers.ETag is { IsWeak: false } tag ? tag.Tag : response.Content.Headers.LastModified?.ToString("r");

    private async Task<Interruption?> PumpAsync(Stream source, CancellationTokenSource silence, CancellationToken either, CancellationToken cancellationToken)
    {
        var filling = ArrayPool<byte>.Shared.Rent(BufferLength);
        var draining = ArrayPool<byte>.Shared.Rent(BufferLength);
        var drained = Task.CompletedTask;
        try
        {
            while (true)
            {
                var (count, broken) = await FillAsync(source, filling, silence, either, cancellationToken);
                await drained;
                if (count > 0)
                {
                    Account(filling.AsSpan(0, count));
                    (filling, draining) = (draining, filling);
                    drained = DrainAsync(draining.AsMemory(0, count), cancellationToken);
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
            // Only then is the buffer no longer being read.
            await drained.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ArrayPool<byte>.Shared.Return(filling);
            ArrayPool<byte>.Shared.Return(draining);
        }
    }

    /// <summary>Reads until the buffer is full, or the source ends or breaks: bytes received before that still count.</summary>
    private static async Task<(int Count, Interruption? Broken)> FillAsync(
        Stream source, byte[] buffer, CancellationTokenSource silence, CancellationToken either, CancellationToken cancellationToken)
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

            silence.CancelAfter(Timeout.InfiniteTimeSpan); // the wait for the store must not count as network idle time
            return (count, null);
        }
        catch (Exception e) when (IsInterruption(e))
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (count, new Interruption(silence.IsCancellationRequested ? "sent nothing, or next to nothing, for 60 seconds"
                : e is OperationCanceledException ? "had more to send than one run of the step takes"
                : e is HttpRequestException or IOException ? "broke the connection off"
                : "sent a packed file that can't be unpacked"));
        }
    }

    // .NET's decompressors throw the last two for malformed bytes.
    private static bool IsInterruption(Exception e) =>
        e is HttpRequestException or IOException or OperationCanceledException or InvalidDataException or InvalidOperationException;

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

    private async Task DrainAsync(ReadOnlyMemory<byte> chunk, CancellationToken cancellationToken)
    {
        var hashed = Task.Run(() => _hash.Append(chunk.Span), CancellationToken.None);
        try
        {
            await StoreFault.WrapAsync(async () =>
            {
                await _sink!.Stream.WriteAsync(chunk, cancellationToken);
                return true;
            }, cancellationToken);
        }
        finally
        {
            await hashed;
        }
    }

    private Interruption? Complete()
    {
        if (_total is { } total && _length != total)
            return new Interruption($"ended after {_length} of {total} bytes");
        if (_length == 0)
            throw new TransferFailedException(ErrorCodes.VideoInvalid, $"The {file.Name} is empty.", mayRetry: true);
        CheckFormat();
        if (!_boxes.EndTooEarly)
            return null;
        _total = null; // the total described the server's copy, not the file
        return new Interruption($"ended after {_length} bytes, before the end given by its own header");
    }

    private void CheckSize(long bytes)
    {
        if (bytes > mostBytes)
        {
            throw new TransferFailedException(
                ErrorCodes.VideoTooLarge, $"The {file.Name} is larger than the {mostBytes} bytes that Storage:MaxVideoBytes allows.", mayRetry: false);
        }
    }

    private void CheckFormat()
    {
        _format ??= MediaFormat.Recognise(_head.AsSpan(0, (int)Math.Min(_length, _head.Length)));
        if (_format?.Kind == file.Kind)
            return;
        var head = _head.AsSpan(0, (int)Math.Min(_length, _head.Length));
        throw new TransferFailedException(
            ErrorCodes.VideoInvalid,
            $"The {file.Name} is not {(file.Kind == OutputKind.Video ? "a video: its first bytes are not those of an MP4, QuickTime, WebM or other video file"
                : "an image: its first bytes are not those of a JPEG, PNG, WebP or GIF file")}.",
            // A page or a message instead of the file is a transient fault; another kind of file is not.
            mayRetry: !head.ContainsAnyInRange((byte)0x00, (byte)0x08));
    }
}
