using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Tests.Network;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Requests;

public sealed class ImageCheckTests : IDisposable
{
    private readonly GuardedClient _client = new(Options.Create(new NetworkOptions { AllowLoopback = true }));
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData("baseline.jpg")]
    [InlineData("picture.png")]
    [InlineData("lossy.webp")]
    [InlineData("lossless.webp")]
    [InlineData("extended.webp")]
    public async Task Image_within_its_limits_is_accepted(string file)
    {
        await using var server = await Serve(Picture.File(file));
        Assert.Empty(await Check(server.Url("/image")));
    }

    [Theory]
    [InlineData(300, 300)]
    [InlineData(300, 750)]
    [InlineData(750, 300)]
    [InlineData(8_000, 8_000)]
    public async Task Element_image_may_be_at_its_limits(int width, int height)
    {
        await using var server = await Serve(Picture.Png(width, height));
        Assert.Empty(await Check(server.Url("/image")));
    }

    [Theory]
    [InlineData(299, 300, "image_too_small", "299×300 px")]
    [InlineData(300, 299, "image_too_small", "300×300")]
    [InlineData(751, 300, "image_bad_aspect", "2.5033")]
    [InlineData(400, 1_001, "image_bad_aspect", "0.40 to 2.50")]
    public async Task Element_image_past_its_limits_is_refused(int width, int height, string code, string says)
    {
        await using var server = await Serve(Picture.Png(width, height));
        AssertFault(await Check(server.Url("/image")), code, says);
    }

    [Fact]
    public async Task Faults_of_an_image_are_all_reported_at_once()
    {
        await using var server = await Serve(Picture.Png(2_000, 10), length: 10_000_001);
        Assert.Equal(["image_too_large", "image_too_small", "image_bad_aspect"], (await Check(server.Url("/image"))).Select(f => f.Code));
    }

    [Fact]
    public async Task Reference_image_has_no_limit_except_its_bytes()
    {
        await using var server = await Serve(Picture.Png(2_000, 10), length: 50_000_000);
        Assert.Empty(await Check(server.Url("/image"), KlingO1.ReferenceImages));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Element_image_over_ten_megabytes_is_refused(bool ranges)
    {
        await using var atLimit = await Serve(Picture.File("picture.png"), length: 10_000_000, ranges);
        Assert.Empty(await Check(atLimit.Url("/image")));
        await using var over = await Serve(Picture.File("picture.png"), length: 10_000_001, ranges);
        AssertFault(await Check(over.Url("/image")), "image_too_large", "10.01 MB", "at most 10 MB");
    }

    [Fact]
    public async Task File_without_a_declared_length_is_measured()
    {
        var bytes = 0;
        await using var server = await LoopbackServer.Start(async c => await c.Response.Body.WriteAsync(Picture.PngOfLength(bytes), c.RequestAborted));
        var limits = KlingO1.ElementImages with { MaxBytes = 300_000 };
        bytes = 300_000;
        Assert.Empty(await Check(server.Url("/image"), limits));
        bytes = 300_001;
        AssertFault(await Check(server.Url("/image"), limits), "image_too_large", "more than 0.3 MB");
    }

    [Fact(Timeout = 10_000)]
    public async Task Endless_file_is_read_no_further_than_the_limit()
    {
        await using var server = await LoopbackServer.Start(async c =>
        {
            var chunk = Picture.PngOfLength(100_000);
            while (!c.RequestAborted.IsCancellationRequested) await c.Response.Body.WriteAsync(chunk, c.RequestAborted);
        });
        AssertFault(await Check(server.Url("/image"), KlingO1.ElementImages with { MaxBytes = 300_000 }), "image_too_large", "more than");
    }

    [Fact]
    public async Task Only_the_first_bytes_are_requested()
    {
        var ranges = new ConcurrentQueue<string?>();
        await using var server = await Serve(Picture.File("picture.png"), length: 5_000_000, seen: c => ranges.Enqueue(c.Request.Headers.Range));
        Assert.Empty(await Check(server.Url("/image")));
        Assert.Equal(["bytes=0-65535"], ranges);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Photograph_with_much_metadata_is_read_further(bool ranges)
    {
        foreach (var bytes in new[] { 1_500_000, 3_000_000, 9_800_000 })
        {
            await using var server = await Serve(Picture.JpegWithMetadata(bytes), ranges: ranges);
            Assert.Empty(await Check(server.Url("/image")));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Image_metadata_past_the_limit_is_refused(bool ranges)
    {
        await using var server = await Serve(Picture.JpegWithMetadata(17_000_000), ranges: ranges);
        AssertFault(await Check(server.Url("/image")), "image_not_an_image", "10 MB");
    }

    [Theory]
    [InlineData("picture.png", 33, true)]
    [InlineData("picture.png", 33, false)]
    [InlineData("picture.png", -1, true)]
    [InlineData("baseline.jpg", -1, true)]
    [InlineData("lossy.webp", -1, true)]
    [InlineData("lossless.webp", -1, false)]
    public async Task Truncated_image_is_refused(string file, int length, bool ranges)
    {
        var image = Picture.File(file);
        await using var server = await Serve(image[..(length < 0 ? image.Length / 2 : length)], ranges: ranges);
        AssertFault(await Check(server.Url("/image")), "image_not_an_image", "breaks off before");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Truncated_large_photograph_is_refused_and_a_complete_one_is_not(bool ranges)
    {
        var whole = Picture.LargeJpeg(900_000);
        await using var good = await Serve(whole, ranges: ranges);
        Assert.Empty(await Check(good.Url("/image")));
        await using var half = await Serve(whole[..(whole.Length / 2)], ranges: ranges);
        AssertFault(await Check(half.Url("/image")), "image_not_an_image", "breaks off before its end");
        // A phone's motion photo: a short video behind the image, longer than the requested part of the end.
        await using var motion = await Serve([.. whole, .. new byte[300_000]], ranges: ranges);
        Assert.Empty(await Check(motion.Url("/image")));
    }

    [Fact]
    public async Task Login_page_is_not_an_image()
    {
        await using var server = await LoopbackServer.Start(c =>
        {
            c.Response.ContentType = "text/html; charset=utf-8";
            return c.Response.WriteAsync("<html><body>Please log in to see this image</body></html>");
        });
        AssertFault(await Check(server.Url("/image.png")), "image_not_an_image", "\"text/html\"", "only JPEG, PNG and WebP");
    }

    [Fact]
    public async Task GIF_is_refused_under_any_name()
    {
        await using var server = await Serve(Picture.File("picture.gif"));
        AssertFault(await Check(server.Url("/image.png")), "image_not_an_image", "GIF");
    }

    [Theory]
    [InlineData(0, "empty")]
    [InlineData(12, "breaks off")]
    [InlineData(30, "breaks off")]
    public async Task File_that_ends_before_its_dimensions_is_not_an_image(int bytes, string says)
    {
        await using var server = await Serve(Picture.File("picture.png")[..bytes]);
        AssertFault(await Check(server.Url("/image")), "image_not_an_image", says);
    }

    [Theory]
    [InlineData(401, "without a login")]
    [InlineData(403, "without a login")]
    [InlineData(404, "nothing at this address")]
    [InlineData(410, "nothing at this address")]
    [InlineData(429, "limits how often")]
    [InlineData(500, "its server failed")]
    [InlineData(503, "its server failed")]
    [InlineData(204, "must be served with 200")]
    [InlineData(304, "must be served with 200")]
    public async Task URL_that_does_not_answer_with_a_file_is_unreachable(int status, string says)
    {
        await using var server = await LoopbackServer.Start(c =>
        {
            c.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        AssertFault(await Check(server.Url("/image")), "image_unreachable", status.ToString(CultureInfo.InvariantCulture), says);
    }

    [Fact(Timeout = 10_000)]
    public async Task Image_that_takes_more_than_20_seconds_is_unreachable()
    {
        var asked = new TaskCompletionSource();
        await using var server = await LoopbackServer.Start(async c =>
        {
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, c.RequestAborted);
        });
        var check = Check(server.Url("/image"));
        await asked.Task;
        _time.Advance(ImageCheck.TimeLimit - TimeSpan.FromMilliseconds(1));
        Assert.False(check.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        AssertFault(await check, "image_unreachable", "20 s");
    }

    [Fact(Timeout = 10_000)]
    public async Task Cancelling_the_check_is_not_a_fault_of_an_image()
    {
        using var cancellationToken = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await using var server = await LoopbackServer.Start(async c =>
        {
            await cancellationToken.CancelAsync();
            await Task.Delay(Timeout.Infinite, c.RequestAborted);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Checker().CheckAsync([Image(server.Url("/image"))], cancellationToken.Token));
    }

    [Fact]
    public async Task Interrupted_connection_is_tried_again_once()
    {
        var requests = 0;
        await using var server = await LoopbackServer.Start(c =>
        {
            if (Interlocked.Increment(ref requests) > 1) return Answer(c, Picture.File("picture.png"));
            c.Abort();
            return Task.CompletedTask;
        });
        Assert.Empty(await Check(server.Url("/image")));
        Assert.Equal(2, requests);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(405)]
    [InlineData(416)]
    [InlineData(500)]
    [InlineData(501)]
    [InlineData(503)]
    public async Task Host_that_refuses_ranges_is_asked_once_more_without(int status)
    {
        var requests = 0;
        await using var server = await LoopbackServer.Start(c =>
        {
            Interlocked.Increment(ref requests);
            if (c.Request.Headers.Range.Count == 0) return c.Response.Body.WriteAsync(Picture.File("picture.png")).AsTask();
            c.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        Assert.Empty(await Check(server.Url("/image")));
        Assert.Equal(2, requests);
    }

    [Theory]
    [InlineData("gzip", true)]
    [InlineData("br", true)]
    [InlineData("deflate", true)]
    [InlineData("gzip", false)]
    public async Task Compressed_image_is_decompressed_if_it_really_is_compressed(string encoding, bool isPacked)
    {
        var bytes = Picture.File("picture.png");
        using var packed = new MemoryStream();
        using (Stream packer = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            "br" => new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true),
            _ => new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true),
        })
            packer.Write(bytes);
        var body = isPacked ? packed.ToArray() : bytes;
        await using var server = await LoopbackServer.Start(c =>
        {
            c.Response.Headers.ContentEncoding = encoding;
            return Answer(c, body);
        });
        Assert.Empty(await Check(server.Url("/image")));
    }

    [Fact]
    public async Task Compressed_image_counts_with_its_decompressed_size()
    {
        using var packed = new MemoryStream();
        using (var packer = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) packer.Write([.. Picture.Png(400, 400), .. new byte[20_000_000]]);
        Assert.InRange(packed.Length, 1, 200_000);
        await using var server = await LoopbackServer.Start(c =>
        {
            c.Response.Headers.ContentEncoding = "gzip";
            return c.Response.Body.WriteAsync(packed.ToArray()).AsTask();
        });
        AssertFault(await Check(server.Url("/image")), "image_too_large", "more than 10 MB");
    }

    [Fact]
    public async Task Host_that_always_disconnects_is_unreachable()
    {
        var requests = 0;
        await using var server = await LoopbackServer.Start(c =>
        {
            Interlocked.Increment(ref requests);
            c.Abort();
            return Task.CompletedTask;
        });
        AssertFault(await Check(server.Url("/image")), "image_unreachable", "broke the connection off");
        Assert.Equal(2, requests);
    }

    [Fact]
    public async Task Host_without_a_listener_is_unreachable()
    {
        var server = await LoopbackServer.Start(_ => Task.CompletedTask);
        await server.DisposeAsync();
        AssertFault(await Check(server.Url("/image")), "image_unreachable", "cannot be connected to");
    }

    [Theory]
    [InlineData("10.0.0.1", "not public")]
    [InlineData(null, "name is not known")]
    public async Task Name_without_a_public_address_is_unreachable(string? address, string says)
    {
        using var client = new GuardedClient(Options.Create(new NetworkOptions()), (_, _) =>
            Task.FromResult<IPAddress[]>(address is null ? [] : [IPAddress.Parse(address)]));
        var faults = await new ImageCheck(client, _time, NullLogger<ImageCheck>.Instance).CheckAsync([Image("https://images.example/a.png")], Ct);
        AssertFault(faults, "image_unreachable", says);
    }

    [Fact]
    public async Task Five_redirects_are_followed_and_not_six()
    {
        await using var server = await LoopbackServer.Start(c =>
        {
            var left = int.Parse(c.Request.Path.Value![1..], CultureInfo.InvariantCulture);
            if (left == 0) return Answer(c, Picture.File("picture.png"));
            c.Response.Redirect($"/{left - 1}");
            return Task.CompletedTask;
        });
        Assert.Empty(await Check(server.Url("/5")));
        AssertFault(await Check(server.Url("/6")), "image_unreachable", "more than 5 times");
    }

    [Fact]
    public async Task Same_URL_is_fetched_once_and_judged_at_each_place()
    {
        var requests = 0;
        await using var server = await Serve(Picture.Png(100, 100), seen: _ => Interlocked.Increment(ref requests));
        var url = server.Url("/image");
        var faults = await Checker().CheckAsync(
            [
                new("/elements/0/frontal_image_url", url, KlingO1.ElementImages),
                new("/elements/0/reference_image_urls/0", url, KlingO1.ElementImages),
                new("/image_urls/0", url, KlingO1.ReferenceImages),
            ], Ct);
        Assert.Equal(["/elements/0/frontal_image_url", "/elements/0/reference_image_urls/0"], faults.Select(f => f.Pointer));
        Assert.Equal(1, requests);
    }

    [Fact(Timeout = 10_000)]
    public async Task Faults_come_in_the_order_of_the_request_whichever_image_answers_first()
    {
        var (others, answered) = (new TaskCompletionSource(), 0);
        await using var server = await LoopbackServer.Start(async c =>
        {
            if (c.Request.Path == "/0") await others.Task.WaitAsync(c.RequestAborted);
            else if (Interlocked.Increment(ref answered) == 3) others.SetResult();
            c.Response.StatusCode = 404;
        });
        var images = Enumerable.Range(0, 4).Select(i => new ImageReference($"/image_urls/{i}", server.Url($"/{i}"), KlingO1.ReferenceImages));
        var faults = await Checker().CheckAsync([.. images], Ct);
        Assert.Equal(["/image_urls/0", "/image_urls/1", "/image_urls/2", "/image_urls/3"], faults.Select(f => f.Pointer));
    }

    [Fact(Timeout = 10_000)]
    public async Task At_most_four_images_are_fetched_at_one_time()
    {
        int now = 0, most = 0;
        var four = new TaskCompletionSource();
        await using var server = await LoopbackServer.Start(async c =>
        {
            var others = Interlocked.Increment(ref now);
            InterlockedMax(ref most, others);
            if (others == 4) four.TrySetResult();
            await four.Task.WaitAsync(c.RequestAborted);
            Interlocked.Decrement(ref now);
            await Answer(c, Picture.File("picture.png"));
        });
        Assert.Empty(await Checker().CheckAsync([.. Enumerable.Range(0, 12).Select(i => Image(server.Url($"/{i}")))], Ct));
        Assert.Equal(ImageCheck.AtOneTime, most);
    }

    [Fact]
    public async Task Query_of_a_URL_is_neither_reported_nor_logged()
    {
        var log = new ConcurrentQueue<string>();
        await using var server = await LoopbackServer.Start(c =>
        {
            c.Response.StatusCode = 403;
            return Task.CompletedTask;
        });
        var faults = await new ImageCheck(_client, _time, new ListLogger(log)).CheckAsync([Image(server.Url("/image?sig=secret"))], Ct);
        AssertFault(faults, "image_unreachable", server.Url("/image?redacted"));
        Assert.NotEmpty(log);
        Assert.DoesNotContain(log.Append(faults[0].Message), text => text.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Request_without_images_needs_no_network() => Assert.Empty(await Checker().CheckAsync([], Ct));

    private ImageCheck Checker() => new(_client, _time, NullLogger<ImageCheck>.Instance);

    private Task<IReadOnlyList<Fault>> Check(string url, ImageLimits? limits = null) => Checker().CheckAsync([Image(url, limits)], Ct);

    private static ImageReference Image(string url, ImageLimits? limits = null) => new("/image_urls/0", url, limits ?? KlingO1.ElementImages);

    private static void AssertFault(IReadOnlyList<Fault> faults, string code, params string[] says)
    {
        var fault = Assert.Single(faults);
        Assert.Equal(code, fault.Code);
        Assert.All(says, part => Assert.Contains(part, fault.Message, StringComparison.Ordinal));
    }

    /// <summary>Serves <paramref name="start"/> as if the file were <paramref name="length"/> bytes long, the rest being zeros.</summary>
    private static Task<LoopbackServer> Serve(byte[] start, long? length = null, bool ranges = true, Action<HttpContext>? seen = null) =>
        LoopbackServer.Start(c =>
        {
            seen?.Invoke(c);
            return Answer(c, start, length, ranges);
        });

    private static async Task Answer(HttpContext context, byte[] start, long? length = null, bool ranges = true)
    {
        var total = length ?? start.Length;
        var (request, response) = (context.Request, context.Response);
        var (first, count) = (0L, total);
        if (ranges && RangeHeaderValue.TryParse(request.Headers.Range, out var asked))
        {
            if (total == 0)
            {
                response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
                return;
            }
            var range = asked.Ranges.Single();
            first = range.From!.Value;
            count = Math.Min(total, range.To!.Value + 1) - first;
            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = new ContentRangeHeaderValue(first, first + count - 1, total).ToString();
        }
        response.ContentLength = count;
        var zeros = new byte[64 * 1024];
        for (var at = first; at < first + count;)
        {
            var part = at < start.Length ? start.AsMemory((int)at) : zeros;
            part = part[..(int)Math.Min(part.Length, first + count - at)];
            await response.Body.WriteAsync(part, context.RequestAborted);
            at += part.Length;
        }
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = most; value > seen; seen = most) Interlocked.CompareExchange(ref most, value, seen);
    }

    private sealed class ListLogger(ConcurrentQueue<string> lines) : ILogger<ImageCheck>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue(formatter(state, exception));
    }
}
