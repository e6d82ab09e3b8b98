using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>
/// Checks the images of a request before it is paid for, under the provider's conditions: fetched from their servers without a login,
/// within its time. Only the necessary bytes are read, mostly the first 64 KiB.
/// </summary>
internal sealed partial class ImageCheck(GuardedClient client, TimeProvider time, ILogger<ImageCheck> logger)
{
    /// <summary>The time limit of one image, redirects and the second try included: RunComfy's schema says "Timeout: 20.0s".</summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(20);

    /// <summary>The most redirects that are followed for one image.</summary>
    public const int MaxRedirects = 5;

    /// <summary>The most images that are checked concurrently.</summary>
    public const int AtOneTime = 4;

    // The first request holds the size of nearly every image, so that the server need not send the rest.
    private const int FirstBytes = 64 * 1024;

    /// <summary>Checks each image against its limits. A repeated address is fetched once.</summary>
    /// <returns>The faults in the order of <paramref name="images"/>, at most one of each kind for an image; none if all is well.</returns>
    /// <exception cref="OperationCanceledException">
    /// <paramref name="cancellationToken"/> was cancelled; exceeding <see cref="TimeLimit"/> is a fault instead.
    /// </exception>
    public async Task<IReadOnlyList<Fault>> CheckAsync(IReadOnlyList<ImageReference> images, CancellationToken cancellationToken)
    {
        var addresses = images.GroupBy(image => image.Url, StringComparer.Ordinal).ToList();
        var findings = new Finding[addresses.Count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = AtOneTime, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, addresses.Count, parallel, async (i, stop) =>
            findings[i] = await Look(addresses[i].Key, addresses[i].Max(image => image.Limits.MaxBytes), stop));
        var byAddress = addresses.Zip(findings).ToDictionary(pair => pair.First.Key, pair => pair.Second, StringComparer.Ordinal);
        return [.. images.SelectMany(image => Judge(image, byAddress[image.Url]))];
    }

    private static IEnumerable<Fault> Judge(ImageReference image, Finding finding)
    {
        var shown = DataUri.Is(image.Url) ? "The image" : UrlRule.Redact(image.Url);
        Fault Fault(string code, string says) => new(image.Pointer, code, $"{shown} {says}");

        if (finding.Code is not null)
        {
            yield return Fault(finding.Code, finding.Says);
            yield break;
        }
        var (limits, header) = (image.Limits, finding.Header!);
        if (finding.Bytes > limits.MaxBytes)
        {
            var found = finding.SizeIsExact ? $"is {Megabytes(finding.Bytes)} MB" : $"has more than {Megabytes(limits.MaxBytes)} MB";
            yield return Fault(FaultCode.ImageTooLarge,
                $"{found}, and at most {Megabytes(limits.MaxBytes)} MB are accepted here: compress it or make it smaller.");
        }
        if (header.Width < limits.MinWidth || header.Height < limits.MinHeight)
        {
            yield return Fault(FaultCode.ImageTooSmall,
                $"is {header.Width}×{header.Height} px, and at least {limits.MinWidth}×{limits.MinHeight} are needed here: give a larger one.");
        }
        var aspect = (double)header.Width / header.Height;
        if (aspect < limits.MinAspect || aspect > limits.MaxAspect)
        {
            var range = string.Create(CultureInfo.InvariantCulture, $"{limits.MinAspect:0.00} to {limits.MaxAspect:0.00}");
            yield return Fault(FaultCode.ImageBadAspect, string.Create(CultureInfo.InvariantCulture,
                $"is {header.Width}×{header.Height} px, a width of {aspect:0.00##} times the height, and {range} is accepted here: crop it."));
        }
    }

    // Rounded up, so that a file just over a limit is never shown as equal to it.
    private static string Megabytes(long bytes) => (Math.Ceiling(bytes / 10_000.0) / 100).ToString("0.##", CultureInfo.InvariantCulture);

    private async Task<Finding> Look(string url, long maxBytes, CancellationToken cancellationToken)
    {
        // A data: URI goes to the provider unchanged.
        if (DataUri.Is(url)) return LookAt(DataUri.BytesOf(url));
        using var limit = new CancellationTokenSource(TimeLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        Finding finding;
        try
        {
            finding = await LookTwice(url, maxBytes, both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            finding = Finding.Unreachable($"was not there within {TimeLimit.TotalSeconds:0} s, and the provider waits no longer: use a faster host.");
        }
        catch (UrlRefusedException e)
        {
            finding = Finding.Unreachable($"is not fetched. {e.Message}");
        }
        if (finding.Header is { } header) LogImage(logger, UrlRule.Redact(url), header.Format, header.Width, header.Height, finding.Bytes);
        else LogFault(logger, UrlRule.Redact(url), finding.Code!, finding.Says);
        return finding;
    }

    private static Finding LookAt(byte[] bytes) => ImageHeader.Read(bytes, out var notAnImage) is { } header
        ? Finding.Of(header, bytes.Length, exact: true)
        : Finding.NotAnImage(notAnImage ?? "an image that breaks off before its size is told", mediaType: null);

    // One failed connection must not fail a job; after a second in a row, the provider would most likely fail too.
    private async Task<Finding> LookTwice(string url, long maxBytes, CancellationToken cancellationToken)
    {
        try
        {
            return await Fetch(url, maxBytes, cancellationToken);
        }
        catch (Exception e) when (IsInterruption(e))
        {
            LogRetry(logger, UrlRule.Redact(url), e.GetType().Name);
        }
        try
        {
            return await Fetch(url, maxBytes, cancellationToken);
        }
        catch (Exception e) when (IsInterruption(e))
        {
            return Finding.Unreachable((e as HttpRequestException)?.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => "has a host whose name is not known: check its spelling.",
                HttpRequestError.SecureConnectionError => "has a host whose TLS certificate is not accepted: fix that, or use another host.",
                HttpRequestError.ProxyTunnelError => "is not connected to by the proxy that Network:Proxy names: check the proxy, and that the host is open to the internet.",
                HttpRequestError.ConnectionError => "has a host that cannot be connected to: check that it is up and open to the internet.",
                _ => "has a host that broke the connection off: check that it serves the image.",
            });
        }
    }

    private async Task<Finding> Fetch(string url, long maxBytes, CancellationToken cancellationToken)
    {
        // First the start, then a larger part that may precede the size, then, from servers that answer neither, the file as it comes.
        var refusesRanges = false;
        foreach (var range in (int?[])[FirstBytes, ImageHeader.MostBytes, null])
        {
            if (refusesRanges && range is not null) continue;
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue(new ProductHeaderValue("KlingFunctions")));
            if (range is { } bytes) request.Headers.Range = new RangeHeaderValue(0, bytes - 1);
            using var response = await client.SendAsync(request, MaxRedirects, mayFollow: null, cancellationToken);

            // Hosts refuse ranges in many ways, and an empty file has no first byte: without a range their answer is clear.
            if (range is not null && IsRefusal(response.StatusCode))
            {
                refusesRanges = true;
                continue;
            }
            var partial = response.StatusCode == HttpStatusCode.PartialContent;
            var contentRange = response.Content.Headers.ContentRange;
            if (partial && contentRange is not { From: 0, HasLength: true }) continue;
            // A part of a compressed file can't be decompressed, and its length is not the image's.
            if (partial && response.Content.Headers.ContentEncoding.Count > 0)
            {
                refusesRanges = true;
                continue;
            }
            if (response.StatusCode != HttpStatusCode.OK && !partial) return Finding.Unreachable(Reason(response.StatusCode));

            var (body, isPacked) = await PackedBody.OpenAsync(
                await response.Content.ReadAsStreamAsync(cancellationToken), response.Content.Headers.ContentEncoding, IsImage, cancellationToken);
            await using var whole = body;
            if (isPacked && partial)
            {
                refusesRanges = true;
                continue;
            }
            var (header, start, notAnImage) = await ReadHeader(body, cancellationToken);
            var read = start.Length;
            var size = partial ? contentRange?.Length : isPacked ? null : response.Content.Headers.ContentLength;
            if (header is not null)
            {
                using var seen = new MemoryStream();
                seen.Write(start.Span);
                return await BreaksOff(url, header, seen, body, partial, size, maxBytes, cancellationToken)
                    ? Finding.NotAnImage("an image that breaks off before its end", response.Content.Headers.ContentType?.MediaType)
                    : Finding.Of(header, size ?? await Count(body, seen.Length, maxBytes, cancellationToken), exact: size is not null);
            }
            if (notAnImage is null && partial && size > read && read < ImageHeader.MostBytes) continue;
            return Finding.NotAnImage(notAnImage ?? (read == 0 ? "empty"
                : read < ImageHeader.MostBytes ? "an image that breaks off before its size is told"
                : "an image without a size in its first 10 MB"), response.Content.Headers.ContentType?.MediaType);
        }
        return Finding.Unreachable("is answered with a part of the file that was not asked for: check the server.");
    }

    // .NET's decompressors throw the last two for malformed bytes.
    private static bool IsInterruption(Exception e) => e is HttpRequestException or IOException or InvalidDataException or InvalidOperationException;

    private static bool IsRefusal(HttpStatusCode status) => (int)status >= 400
        && status is not (HttpStatusCode.Unauthorized or HttpStatusCode.ProxyAuthenticationRequired or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests);

    private static bool IsImage(byte[] head) => ImageHeader.Read(head, out var notAnImage) is not null || notAnImage is null;

    /// <summary>
    /// Whether the file is known to end before the image does. The first answer is read on within limits; of a longer file the last bytes
    /// are requested, and all of it only if the image's end is not among them: phones append short videos to photographs.
    /// </summary>
    private async Task<bool> BreaksOff(
        string url, ImageHeader header, MemoryStream seen, Stream body, bool partial, long? size, long maxBytes, CancellationToken cancellationToken)
    {
        if (await IsWhole(seen, cancellationToken)) return false;
        var most = partial ? FirstBytes : size > ImageHeader.MostBytes ? 0 : Math.Min(ImageHeader.MostBytes, maxBytes + 1);
        var ended = await ReadOn(body, seen, most, cancellationToken);
        if (size is null ? ended : seen.Length >= size) return !await IsWhole(seen, cancellationToken);
        if (!partial || size is not { } length) return false;
        if (header.Format == "WebP") return BinaryPrimitives.ReadUInt32LittleEndian(seen.GetBuffer().AsSpan(4)) + 8L > length;
        if (await FetchPart(url, Math.Max(0, length - FirstBytes), length, cancellationToken) is not { } tail || ImageFile.HoldsEnd(tail, header.Format)) return false;
        return length <= ImageHeader.MostBytes && await FetchPart(url, 0, length, cancellationToken) is { } all && !await IsWhole(new MemoryStream(all), cancellationToken);
    }

    private static async Task<bool> IsWhole(MemoryStream seen, CancellationToken cancellationToken)
    {
        var end = seen.Length;
        seen.Position = 0;
        var state = await ImageFile.ReadAsync(seen, cancellationToken);
        seen.Position = end;
        return state is ImageFileState.Whole;
    }

    private static async Task<bool> ReadOn(Stream body, MemoryStream seen, long most, CancellationToken cancellationToken)
    {
        var buffer = new byte[FirstBytes / 4];
        while (seen.Length < most)
        {
            if (await body.ReadAsync(buffer, cancellationToken) is not (> 0 and var more)) return true;
            seen.Write(buffer, 0, more);
        }
        return false;
    }

    /// <summary>The bytes from <paramref name="from"/> up to <paramref name="to"/>; null if the server answers anything else.</summary>
    private async Task<byte[]?> FetchPart(string url, long from, long to, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue(new ProductHeaderValue("KlingFunctions")));
        request.Headers.Range = new RangeHeaderValue(from, to - 1);
        try
        {
            using var response = await client.SendAsync(request, MaxRedirects, mayFollow: null, cancellationToken);
            if (response.StatusCode != HttpStatusCode.PartialContent || response.Content.Headers.ContentRange is not { From: var first, To: var last }) return null;
            if (first != from || last != to - 1) return null;
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            var bytes = new byte[to - from];
            return await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken) == bytes.Length ? bytes : null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return null;
        }
    }

    private static async Task<(ImageHeader? Header, ReadOnlyMemory<byte> Start, string? NotAnImage)> ReadHeader(Stream body, CancellationToken cancellationToken)
    {
        var buffer = new byte[FirstBytes / 4];
        for (var read = 0; ;)
        {
            var more = await body.ReadAtLeastAsync(buffer.AsMemory(read), buffer.Length - read, throwOnEndOfStream: false, cancellationToken);
            read += more;
            var header = ImageHeader.Read(buffer.AsSpan(0, read), out var notAnImage);
            var ended = read < buffer.Length;
            if (header is not null || notAnImage is not null || ended || read >= ImageHeader.MostBytes) return (header, buffer.AsMemory(0, read), notAnImage);
            Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    private static async Task<long> Count(Stream body, long read, long upTo, CancellationToken cancellationToken)
    {
        var buffer = new byte[FirstBytes];
        while (read <= upTo && await body.ReadAsync(buffer, cancellationToken) is > 0 and var more) read += more;
        return read;
    }

    private static string Reason(HttpStatusCode status) => $"is answered with {(int)status}" + status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.ProxyAuthenticationRequired =>
            ": the provider fetches images without a login, so make it public or use a presigned URL that has not run out.",
        HttpStatusCode.NotFound or HttpStatusCode.Gone => ": there is nothing at this address; check it.",
        HttpStatusCode.TooManyRequests => ": its host limits how often it is asked; use another host, or try again later.",
        >= HttpStatusCode.InternalServerError => ": its server failed; try again later, or use another host.",
        _ => ": it must be served with 200.",
    };

    [LoggerMessage(Level = LogLevel.Debug, Message = "Image {Url} is a {Format} of {Width}x{Height} px and {Bytes} bytes")]
    private static partial void LogImage(ILogger logger, string url, string format, int width, int height, long bytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {Url}: {Code}, {Says}")]
    private static partial void LogFault(ILogger logger, string url, string code, string says);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Image {Url} is fetched a second time after {Error}")]
    private static partial void LogRetry(ILogger logger, string url, string error);

    /// <summary>The check of one address: an image, or a code and the end of the sentence that says why there is none.</summary>
    private sealed record Finding(ImageHeader? Header, long Bytes, bool SizeIsExact, string? Code, string Says)
    {
        public static Finding Of(ImageHeader header, long bytes, bool exact) => new(header, bytes, exact, null, "");

        public static Finding Unreachable(string says) => new(null, 0, false, FaultCode.ImageUnreachable, says);

        public static Finding NotAnImage(string what, string? mediaType) =>
            new(null, 0, false, FaultCode.ImageNotAnImage,
                $"is {what}{(mediaType is null ? "" : $" (served as {Wording.Quote(mediaType)})")}: only JPEG, PNG and WebP images are accepted.");
    }
}
