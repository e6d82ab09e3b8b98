using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Storing;

public class ResultTransferTests
{
    private static readonly byte[] Png = [0x89, .. "PNG\r\n\u001a\n"u8, 1, 2, 3];

    private readonly MemoryVideoStore _store = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_file_is_stored_in_order_with_length_and_hash_and_fetched_once()
    {
        var video = Mp4(3_500_000);
        await using var host = await Serving(async context =>
        {
            var image = context.Request.Path == "/i";
            context.Response.ContentType = image ? "image/png" : "video/mp4";
            await context.Response.Body.WriteAsync(image ? Png : video, Ct);
        });
        OutputFile[] files = [new("video", OutputKind.Video, host.Url + "/v?sig=1"), new("images-1", OutputKind.Image, host.Url + "/i")];

        var stored = Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct)).Files;
        Assert.Equal([new("video", "video", "video/mp4", video.Length, Hash(video)), new StoredFile("images-1", "image", "image/png", Png.Length, Hash(Png))], stored);
        Assert.Equal(video, _store.Files[("job", "video")].Bytes);

        Assert.Equal(stored, Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct)).Files);
        Assert.Equal(2, host.Asked.Count);
        Assert.Equal(0, _store.OpenSinks);
    }

    [Fact]
    public async Task File_of_another_request_under_the_same_job_id_is_never_used()
    {
        var (first, second) = (Mp4(1000), Mp4(1000, seed: 1));
        var video = first;
        await using var host = await Serving(context => context.Response.Body.WriteAsync(video, Ct).AsTask());
        OutputFile[] files = [new("video", OutputKind.Video, host.Url)];
        Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct));
        video = second;
        for (var time = 0; time < 2; time++)
        {
            var stored = Assert.Single(Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-2", files, Ct)).Files);
            Assert.Equal(new("video", "video", "video/mp4", 1000, Hash(second)), stored);
        }
        Assert.Equal(2, host.Asked.Count);
        Assert.Equal(first, _store.Files[("job", "video")].Bytes);
        var located = new RequestFiles(_store);
        Assert.Equal(Hash(first), (await located.LocateAsync("job", "req-1", "video", Ct))!.File.Sha256);
        Assert.Equal(Hash(second), (await located.LocateAsync("job", "req-2", "video", Ct))!.File.Sha256);
        Assert.Null(await located.LocateAsync("job", "req-3", "video", Ct));
    }

    [Fact]
    public async Task File_of_an_older_version_is_located_and_not_mistaken_for_a_new_one()
    {
        var (old, made) = (Mp4(1000), Mp4(1000, seed: 1));
        _store.Files[("job", "video")] = (new("video", "video", "video/mp4", 1000, Hash(old)), old);
        Assert.Equal(Hash(old), (await new RequestFiles(_store).LocateAsync("job", "req-1", "video", Ct))!.File.Sha256);

        await using var host = await Serving(context => context.Response.Body.WriteAsync(made, Ct).AsTask());
        Assert.Equal(Hash(made), (await KeepVideo(host)).Sha256);
        Assert.Equal(Hash(made), (await new RequestFiles(_store).LocateAsync("job", "req-1", "video", Ct))!.File.Sha256);
    }

    [Theory]
    [InlineData("\"tag\"", null, "\"tag\"")]
    [InlineData(null, "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT")]
    [InlineData("W/\"weak\"", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT")]
    public async Task Interrupted_transfer_continues_where_it_stopped(string? etag, string? modified, string ifRange)
    {
        var video = Mp4(2_000_000);
        await using var host = await Serving(new Source(video) { ETag = etag, LastModified = modified, Cuts = [1_200_000] }.Answer);
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(["", "bytes=1200000-"], host.Asked.Select(h => h.Range.ToString()));
        Assert.Equal(["", ifRange], host.Asked.Select(h => h.IfRange.ToString()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("W/\"weak\"")]
    public async Task Transfer_starts_over_without_proof_that_the_rest_matches(string? etag)
    {
        var video = Mp4(2_000_000);
        await using var host = await Serving(new Source(video) { ETag = etag, Cuts = [1_200_000] }.Answer);
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(["", ""], host.Asked.Select(h => h.Range.ToString()));
    }

    [Fact]
    public async Task Video_cut_within_a_box_is_incomplete_whatever_length_the_server_gives()
    {
        byte[] video = [.. "\0\0\0\u0010ftypisom\0\0\0\0"u8, 0, 0x0F, 0x42, 0x40, .. "mdat"u8, .. Mp4(999_992)];
        var asked = 0;
        await using var host = await Serving(context => new Source(asked++ == 0 ? video[..500_000] : video).Answer(context));
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(video, _store.Files[("job", "video")].Bytes);
    }

    [Fact]
    public async Task Server_that_ignores_ranges_is_read_from_the_start()
    {
        var video = Mp4(2_000_000);
        await using var host = await Serving(new Source(video) { ETag = "\"tag\"", KnowsRanges = false, Cuts = [1_200_000] }.Answer);
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(video, _store.Files[("job", "video")].Bytes);
    }

    [Fact]
    public async Task Changed_file_is_fetched_from_the_start()
    {
        var (old, changed) = (Mp4(2_000_000, seed: 1), Mp4(1_700_000, seed: 2));
        var first = new Source(old) { ETag = "\"one\"", Cuts = [1_200_000] };
        var then = new Source(changed) { ETag = "\"two\"" };
        var calls = 0;
        await using var host = await Serving(context => (calls++ == 0 ? first : then).Answer(context));
        Assert.Equal(Hash(changed), (await KeepVideo(host)).Sha256);
        Assert.Equal(changed, _store.Files[("job", "video")].Bytes);
    }

    [Fact]
    public async Task Unrequested_range_is_not_used()
    {
        var video = Mp4(2_000_000);
        var source = new Source(video) { ETag = "\"tag\"", Cuts = [1_200_000] };
        var calls = 0;
        await using var host = await Serving(async context =>
        {
            if (calls++ == 1)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = "bytes 0-9/2000000";
                await context.Response.Body.WriteAsync(video.AsMemory(0, 10), Ct);
                return;
            }

            await source.Answer(context);
        });
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
    }

    [Fact]
    public async Task Rest_of_another_version_is_never_appended()
    {
        var (first, changed) = (Mp4(2_000_000), Mp4(2_000_000, seed: 1));
        var source = new Source(first) { ETag = "\"first\"", Cuts = [1_200_000] };
        var calls = 0;
        await using var host = await Serving(async context =>
        {
            if (calls++ == 0)
            {
                await source.Answer(context);
                return;
            }
            var start = (int?)context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
            context.Response.ContentType = "video/mp4";
            context.Response.Headers.ETag = "\"changed\"";
            context.Response.ContentLength = changed.Length - start;
            if (start > 0)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = $"bytes {start}-{changed.Length - 1}/{changed.Length}";
            }
            await context.Response.Body.WriteAsync(changed.AsMemory(start), Ct);
        });
        Assert.Equal(Hash(changed), (await KeepVideo(host)).Sha256);
        Assert.Equal(changed, _store.Files[("job", "video")].Bytes);
    }

    [Fact]
    public async Task Transfer_without_progress_ends_and_may_be_tried_later()
    {
        await using var host = await Serving(new Source(Mp4(2_000_000)) { ETag = "\"tag\"", Cuts = [.. Enumerable.Repeat(1_200_000, 100)] }.Answer);
        await Refused("video_unreachable", host, mayRetry: true);
        Assert.InRange(host.Asked.Count, 2, 10);
    }

    [Fact]
    public async Task Transfer_with_progress_succeeds_however_often_it_is_interrupted()
    {
        var video = Mp4(2_000_000);
        await using var host = await Serving(new Source(video) { ETag = "\"tag\"", Cuts = [.. Enumerable.Range(1, 19).Select(n => n * 100_000)] }.Answer);
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(20, host.Asked.Count);
    }

    [Fact]
    public async Task Stored_bytes_are_the_files_wherever_the_transfer_is_interrupted()
    {
        var video = Mp4(2_300_000);
        Source? source = null;
        await using var host = await Serving(context => source!.Answer(context));
        var transfer = NewTransfer();
        var job = 0;
        var breaks = from cuts in Gen.Choose(0, video.Length).ListOf(3) from knows in Gen.Elements(true, false) from etag in Gen.Elements("\"t\"", null) select (cuts, knows, etag);
        Prop.ForAll(breaks.ToArbitrary(), given =>
        {
            source = new Source(video) { Cuts = [.. given.cuts], KnowsRanges = given.knows, ETag = given.etag };
            var outcome = transfer.StoreAsync($"job-{++job}", "req-1", [new("video", OutputKind.Video, host.Url)], Ct).GetAwaiter().GetResult();
            return outcome is TransferOutcome.Stored { Files: [{ Sha256: var hash }] } && hash == Hash(video) && _store.Files.Remove(($"job-{job}", "video"), out var stored) && stored.Bytes.AsSpan().SequenceEqual(video);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40));
    }

    [Fact]
    public async Task Temporary_fault_is_waited_out()
    {
        var calls = 0;
        await using var host = await Serving(async context =>
        {
            if (calls++ < 3)
            {
                context.Response.StatusCode = calls == 1 ? 503 : 429;
                context.Response.Headers.RetryAfter = "5";
                return;
            }

            await context.Response.Body.WriteAsync(Mp4(100), Ct);
        });
        Assert.Equal(100, (await KeepVideo(host)).SizeBytes);
    }

    [Fact]
    public async Task Success_without_a_video_fails_with_video_missing()
    {
        var outcome = Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", [], Ct));
        Assert.Equal("video_missing", outcome.Code);
    }

    [Theory]
    [InlineData("https://evil.example/v.mp4")]
    [InlineData("https://evilruncomfy.net/v.mp4")]
    [InlineData("http://files.runcomfy.net:8080/v.mp4")]
    [InlineData("https://user@files.runcomfy.net/v.mp4")]
    [InlineData("v.mp4")]
    [InlineData("//evil.example/v.mp4")]
    [InlineData("ftp://files.runcomfy.net/v.mp4")]
    [InlineData("https://169.254.169.254/latest")]
    public async Task Result_is_fetched_from_the_allowed_hosts_over_https_only(string url)
    {
        var outcome = Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", [new("video", OutputKind.Video, url)], Ct));
        Assert.Equal(("video_host_refused", false), (outcome.Code, outcome.MayRetry));
    }

    [Fact]
    public async Task Loopback_is_refused_unless_it_is_allowed()
    {
        await using var host = await Serving(context => context.Response.Body.WriteAsync(Mp4(100), Ct).AsTask());
        var outcome = await NewTransfer(allowLoopback: false).StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], Ct);
        Assert.Equal("video_host_refused", Assert.IsType<TransferOutcome.NotStored>(outcome).Code);
        Assert.Empty(host.Asked);
    }

    [Fact]
    public async Task Redirect_is_followed_only_to_an_allowed_host()
    {
        await using var host = await Serving(async context =>
        {
            switch (context.Request.Path)
            {
                case "/here": context.Response.Redirect("/file"); break;
                case "/away": context.Response.Redirect("https://evil.example/file?sig=SECRET"); break;
                default: await context.Response.Body.WriteAsync(Mp4(100), Ct); break;
            }
        });
        Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url + "/here")], Ct));
        var outcome = Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job2", "req-1", [new("video", OutputKind.Video, host.Url + "/away")], Ct));
        Assert.Equal("video_host_refused", outcome.Code);
        Assert.DoesNotContain("SECRET", outcome.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirect_to_http_is_followed_over_https()
    {
        var resolved = new List<string>();
        await using var host = await Serving(context =>
        {
            context.Response.Redirect("http://files.runcomfy.net/v.mp4");
            return Task.CompletedTask;
        });
        var transfer = NewTransfer(resolve: (name, _) =>
        {
            resolved.Add(name);
            throw new SocketException((int)SocketError.HostNotFound);
        });
        var outcome = await transfer.StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], Ct);
        Assert.Equal("video_unreachable", Assert.IsType<TransferOutcome.NotStored>(outcome).Code);
        Assert.Contains("files.runcomfy.net", resolved);
    }

    [Theory]
    [InlineData(206, "bytes 0-1999999/2000000")]
    [InlineData(206, "bytes 0-1999999/*")]
    [InlineData(206, "bytes 0-1199999/2000000")]
    [InlineData(203, null)]
    public async Task Whole_file_is_stored_under_an_odd_status(int status, string? range)
    {
        var video = Mp4(2_000_000);
        var first = range?.Contains("1199999", StringComparison.Ordinal) is true ? 1_200_000 : video.Length;
        var source = new Source(video) { ETag = "\"tag\"" };
        await using var host = await Serving(async context =>
        {
            if (context.Request.Headers.Range.Count > 0)
            {
                await source.Answer(context);
                return;
            }
            context.Response.StatusCode = status;
            context.Response.Headers.ContentRange = range;
            context.Response.Headers.ETag = "\"tag\"";
            context.Response.ContentLength = first;
            await context.Response.Body.WriteAsync(video.AsMemory(0, first), Ct);
        });
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
    }

    [Fact]
    public async Task Video_under_the_key_of_an_image_is_stored_by_the_last_try()
    {
        var video = Mp4(100);
        await using var host = await Serving(context => context.Response.Body.WriteAsync(video, Ct).AsTask());
        OutputFile[] files = [new("image", OutputKind.Image, host.Url + "/made")];
        Assert.Equal("video_missing", Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct)).Code);
        var stored = Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct, isLastTry: true)).Files;
        Assert.Equal(new("image", "video", "video/mp4", 100, Hash(video)), Assert.Single(stored));
    }

    [Theory]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(410)]
    public async Task Link_without_a_server_is_unreachable_at_once(int status)
    {
        await using var host = await Serving(context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        await Refused("video_unreachable", host, mayRetry: true);
        Assert.Single(host.Asked);
    }

    [Fact]
    public async Task Unreachable_host_is_reported_as_unreachable()
    {
        var host = await Serving(_ => Task.CompletedTask);
        var url = host.Url;
        await host.DisposeAsync();
        var outcome = Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", [new("video", OutputKind.Video, url)], Ct));
        Assert.Equal(("video_unreachable", true), (outcome.Code, outcome.MayRetry));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task File_past_the_size_cap_is_given_up_with_or_without_a_length(bool says)
    {
        await using var host = await Serving(async context =>
        {
            if (says)
                context.Response.ContentLength = 2_000_000;
            await context.Response.Body.WriteAsync(Mp4(2_000_000), Ct);
        });
        await Refused("video_too_large", host, mayRetry: false, mostBytes: 1_999_999);
    }

    [Fact]
    public async Task File_of_exactly_the_largest_size_is_stored()
    {
        await using var host = await Serving(context => context.Response.Body.WriteAsync(Mp4(1_048_576), Ct).AsTask());
        var outcome = await NewTransfer(mostBytes: 1_048_576).StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], Ct);
        Assert.Equal(1_048_576, Assert.Single(Assert.IsType<TransferOutcome.Stored>(outcome).Files).SizeBytes);
    }

    [Theory]
    [InlineData("application/mp4")]
    [InlineData("application/octet-stream")]
    [InlineData("binary/octet-stream")]
    [InlineData("application/json")]
    [InlineData("video/quicktime")]
    [InlineData("image/png")]
    [InlineData("text/plain; charset=utf-8")]
    [InlineData("nonsense")]
    [InlineData("")]
    [InlineData(null)]
    public async Task Real_video_is_stored_under_any_media_type(string? type)
    {
        await using var host = await Serving(async context =>
        {
            context.Response.Headers.ContentType = type;
            await context.Response.Body.WriteAsync(Mp4(100), Ct);
        });
        Assert.Equal("video/mp4", (await KeepVideo(host)).ContentType);
    }

    [Theory]
    [InlineData("text/html", "<html>expired</html>", true)]
    [InlineData("video/mp4", "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", true)]
    [InlineData("application/json", "{\"error\": \"busy\"}", true)]
    [InlineData("video/mp4", "Not skipped yet", true)]
    [InlineData("video/mp4", "\u0000\u0001\u0002 another kind of file", false)]
    public async Task HTML_page_in_place_of_a_video_is_refused_and_tried_again(string type, string body, bool mayRetry)
    {
        await using var host = await Serving(async context =>
        {
            context.Response.ContentType = type;
            await context.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes(body), Ct);
        });
        await Refused("video_invalid", host, mayRetry);
    }

    [Theory]
    [InlineData("/a file.mp4", "/a%20file.mp4", "")]
    [InlineData("/a%20file.mp4", "/a%20file.mp4", "")]
    [InlineData("/100%.mp4?sig=a b&amp;x=1", "/100%25.mp4", "?sig=a%20b&x=1")]
    [InlineData("/ü\u00A0\"<>.mp4\r\n", "/%C3%BC%C2%A0%22%3C%3E.mp4", "")]
    [InlineData("\\a\tb.mp4", "/ab.mp4", "")]
    public async Task Unescaped_result_URL_is_escaped_and_fetched(string path, string asked, string query)
    {
        var seen = "";
        await using var host = await Serving(context =>
        {
            seen = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            return context.Response.Body.WriteAsync(Mp4(100), Ct).AsTask();
        });
        foreach (var url in new[] { host.Url + path, $"  <{host.Url.ToUpperInvariant()}{path}>\n" })
        {
            _store.Files.Clear();
            Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", [new("video", OutputKind.Video, url)], Ct));
            Assert.Equal(asked + query, seen);
        }
    }

    [Theory]
    [InlineData("//files.runcomfy.net/v.mp4", "https://files.runcomfy.net/v.mp4")]
    [InlineData("HTTPS://Files.RunComfy.net/v.mp4", "HTTPS://Files.RunComfy.net/v.mp4")]
    [InlineData("http://files.runcomfy.net/v.mp4", "https://files.runcomfy.net/v.mp4")]
    [InlineData("http://files.runcomfy.net:8080/v.mp4", "http://files.runcomfy.net:8080/v.mp4")]
    [InlineData("files.runcomfy.net/v.mp4", "https://files.runcomfy.net/v.mp4")]
    [InlineData("/out/v.mp4", "https://model-api.runcomfy.net/out/v.mp4")]
    [InlineData("https:\\/\\/files.runcomfy.net\\/v.mp4", "https://files.runcomfy.net/v.mp4")]
    [InlineData("\uFEFF\"https://files.runcomfy.net/v.mp4\" ", "https://files.runcomfy.net/v.mp4")]
    [InlineData("evil.example/v.mp4", "evil.example/v.mp4")]
    [InlineData("https://evil.example\\@files.runcomfy.net/v.mp4", "https://evil.example/@files.runcomfy.net/v.mp4")]
    public void Result_URL_is_resolved_as_a_browser_would(string text, string url) => Assert.Equal(
        url, ResultUrl.Correct(text, new("https://model-api.runcomfy.net/v1"), host => host.EndsWith(".runcomfy.net", StringComparison.OrdinalIgnoreCase)));

    [Fact]
    public void No_text_of_a_result_leads_to_a_host_that_is_not_allowed()
    {
        var part = Gen.Elements("https:", "http:", "//", "/", "\\", "@", "evil.example", "files.runcomfy.net", ":443", "?", "#", " ", "\t", "%", "%2F", "&amp;", "\"", "ü", "[::1]", "127.0.0.1");
        Prop.ForAll(part.ListOf(8).ToArbitrary(), parts =>
        {
            var url = ResultUrl.Correct(string.Concat(parts), new("https://model-api.runcomfy.net"), host => host.EndsWith(".runcomfy.net", StringComparison.OrdinalIgnoreCase));
            if (UrlRule.Fault(url, allowLoopback: false) is not null) return true;
            Assert.True(ResultHosts.TryParse("*.runcomfy.net", out var hosts, out _));
            var uri = new Uri(url);
            return uri.Scheme == "https" && (!hosts.Include(uri.IdnHost) || uri.Authority.StartsWith(uri.Host, StringComparison.OrdinalIgnoreCase));
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("gzip", "gzip")]
    [InlineData("x-gzip", "gzip")]
    [InlineData("", "gzip")]
    [InlineData("deflate", "zlib")]
    [InlineData("deflate", "deflate")]
    [InlineData("br", "br")]
    [InlineData("br, gzip", "br,gzip")]
    [InlineData("gzip", "")]
    [InlineData("br", "")]
    [InlineData("utf-8", "")]
    public async Task Compressed_result_is_decompressed_if_it_really_is_compressed(string says, string packings)
    {
        var video = Mp4(2_300_000);
        var answers = 0;
        await using var host = await Serving(async context =>
        {
            context.Response.Headers.ETag = "\"tag\"";
            if (says.Length > 0) context.Response.Headers.ContentEncoding = says;
            var body = packings.Split(',', StringSplitOptions.RemoveEmptyEntries).Aggregate(video, Packed);
            context.Response.ContentLength = body.Length;
            // One interruption: a compressed transfer can't be continued in the middle.
            var end = answers++ == 0 ? body.Length / 2 : body.Length;
            if (context.Request.Headers.Range.Count > 0 && packings.Length > 0)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = $"bytes 0-9/{body.Length}";
            }
            await context.Response.Body.WriteAsync(body.AsMemory(0, end), Ct);
        });
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(video, _store.Files[("job", "video")].Bytes);
    }

    [Fact]
    public async Task Compressed_bytes_count_with_their_decompressed_size()
    {
        var bomb = Packed([.. Mp4(24), .. new byte[5_000_000]], "gzip");
        Assert.InRange(bomb.Length, 1, 50_000);
        await using var host = await Serving(context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return context.Response.Body.WriteAsync(bomb, Ct).AsTask();
        });
        await Refused("video_too_large", host, mayRetry: false, mostBytes: 4_000_000);
    }

    [Fact]
    public async Task Compressed_bytes_that_can_not_be_decompressed_are_fetched_again()
    {
        var answers = 0;
        await using var host = await Serving(context =>
        {
            var packed = Packed(Mp4(500_000), "gzip");
            if (answers++ < 2) packed.AsSpan(10).Fill(0xFF);
            context.Response.Headers.ContentEncoding = "gzip";
            return context.Response.Body.WriteAsync(packed, Ct).AsTask();
        });
        Assert.Equal(500_000, (await KeepVideo(host)).SizeBytes);
    }

    public static TheoryData<string> Secondaries => ["https://evil.example/i.png", "404", "html", "large", "nonsense", "ftp://files.runcomfy.net/i.png", "silent"];

    [Theory]
    [MemberData(nameof(Secondaries))]
    public async Task Secondary_file_that_can_not_be_stored_loses_no_video(string url)
    {
        await using var host = await Serving(async context =>
        {
            switch (context.Request.Path.Value)
            {
                case "/404": context.Response.StatusCode = 404; break;
                case "/html": context.Response.ContentType = "text/html"; break;
                case "/large": context.Response.ContentLength = 20_000_000; await context.Response.StartAsync(Ct); break;
                case "/silent": context.Abort(); break;
                default: await context.Response.Body.WriteAsync(Mp4(100), Ct); break;
            }
        });
        OutputFile[] files =
        [
            new("video", OutputKind.Video, host.Url + "/v"),
            new("image", OutputKind.Image, url is "nonsense" || url.Contains(':') ? url : $"{host.Url}/{url}"),
            new("images-2", OutputKind.Image, host.Url + "/v"),
            new("videos-2", OutputKind.Video, host.Url + "/v2"),
        ];
        var stored = Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct));
        Assert.Equal(["video", "videos-2"], stored.Files.Select(file => file.Name));
        Assert.Equal(2, stored.Missing.Count);
        Assert.Contains("The image ", stored.Missing[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Primary_video_is_waited_for_while_another_file_is_retried()
    {
        await using var host = await Serving(async context =>
        {
            if (context.Request.Path == "/gone") context.Response.StatusCode = 404;
            else await context.Response.Body.WriteAsync(Mp4(100), Ct);
        });
        OutputFile[] files = [new("video", OutputKind.Video, host.Url + "/gone"), new("videos-2", OutputKind.Video, host.Url + "/v")];
        Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct));
        Assert.Equal("videos-2", Assert.Single(Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct, isLastTry: true)).Files).Name);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(416)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Server_that_refuses_ranges_is_asked_once_more_without(int status)
    {
        var video = Mp4(2_000_000);
        var source = new Source(video) { ETag = "\"tag\"", Cuts = [1_200_000] };
        await using var host = await Serving(context =>
        {
            if (context.Request.Headers.Range.Count == 0) return source.Answer(context);
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
    }

    [Fact]
    public async Task Video_complete_by_its_boxes_is_stored_though_the_length_is_greater()
    {
        byte[] video = [.. "\0\0\0\u0010ftypisom\0\0\0\0"u8, 0, 0, 0, 8, .. "moov"u8, 0, 0, 0x10, 0, .. "mdat"u8, .. new byte[4088]];
        await using var host = await Serving(async context =>
        {
            context.Response.ContentLength = video.Length + 1000;
            await context.Response.Body.WriteAsync(video, Ct);
        });
        Assert.Equal(video.Length, (await KeepVideo(host)).SizeBytes);
    }

    [Fact]
    public async Task Video_with_too_small_a_declared_length_is_fetched_to_its_end()
    {
        byte[] video = [.. "\0\0\0\u0010ftypisom\0\0\0\0"u8, 0, 0x0F, 0x42, 0x40, .. "mdat"u8, .. Mp4(999_992)];
        await using var host = await Serving(async context =>
        {
            context.Response.Headers.ETag = "\"tag\"";
            var start = (int?)context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
            if (start > 0)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = $"bytes {start}-{video.Length - 1}/{video.Length}";
            }
            var end = start > 0 ? video.Length : 500_000;
            context.Response.ContentLength = end - start;
            await context.Response.Body.WriteAsync(video.AsMemory(start, end - start), Ct);
        });
        Assert.Equal(Hash(video), (await KeepVideo(host)).Sha256);
        Assert.Equal(2, host.Asked.Count);
    }

    [Fact]
    public async Task Transfer_longer_than_a_run_continues_in_the_next_where_it_stopped()
    {
        var video = Mp4(3_000_000);
        var time = new FakeTimeProvider();
        var isSlow = true;
        await using var host = await Serving(async context =>
        {
            var start = (int?)context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
            if (start > 0)
            {
                context.Response.StatusCode = 206;
                context.Response.Headers.ContentRange = $"bytes {start}-{video.Length - 1}/{video.Length}";
            }
            context.Response.Headers.ETag = "\"tag\"";
            context.Response.ContentLength = video.Length - start;
            for (var at = start; at < video.Length; at += 100_000)
            {
                await context.Response.Body.WriteAsync(video.AsMemory(at, Math.Min(100_000, video.Length - at)), context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                if (!isSlow) continue;
                await Task.Delay(50, context.RequestAborted);
                time.Advance(TimeSpan.FromSeconds(30));
            }
        });
        OutputFile[] files = [new("video", OutputKind.Video, host.Url)];
        var reached = 0;
        for (var run = 1; run <= 2; run++)
        {
            var begun = time.GetUtcNow();
            var outcome = Assert.IsType<TransferOutcome.NotStored>(await NewTransfer(time: time).StoreAsync("job", "req-1", files, Ct));
            Assert.True(outcome.HasProgressed);
            Assert.InRange(time.GetUtcNow() - begun, TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(6));
            Assert.InRange(_store.Left[("job", "video")].Bytes.Length, reached + 65_536, video.Length - 1);
            reached = _store.Left[("job", "video")].Bytes.Length;
        }
        isSlow = false;
        Assert.Equal(Hash(video), Assert.Single(Assert.IsType<TransferOutcome.Stored>(await NewTransfer(time: time).StoreAsync("job", "req-1", files, Ct)).Files).Sha256);
        Assert.Equal(video, _store.Files[("job", "video")].Bytes);
        Assert.Equal($"bytes={reached}-", host.Asked[^1].Range);
        Assert.Empty(_store.Left);
        Assert.Equal(0, _store.OpenSinks);
    }

    [Fact]
    public async Task Transfer_interrupted_for_a_while_continues_later_where_it_stopped()
    {
        var video = Mp4(2_000_000);
        var source = new Source(video) { ETag = "\"tag\"", Cuts = [1_200_000] };
        var isAway = true;
        var asked = 0;
        await using var host = await Serving(context =>
        {
            if (asked++ == 0 || !isAway) return source.Answer(context);
            context.Abort();
            return Task.CompletedTask;
        });
        OutputFile[] files = [new("video", OutputKind.Video, host.Url)];
        Assert.True(Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct)).HasProgressed);
        Assert.False(Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct)).HasProgressed);
        isAway = false;
        Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct));
        Assert.Equal("bytes=1200000-", host.Asked[^1].Range);
        Assert.Equal(video, _store.Files[("job", "video")].Bytes);
    }

    [Fact]
    public async Task Partial_file_of_another_request_is_not_continued()
    {
        var (first, second) = (Mp4(2_000_000), Mp4(2_000_000, seed: 1));
        var video = first;
        await using var host = await Serving(async context =>
        {
            context.Response.Headers.ETag = "\"tag\"";
            context.Response.ContentLength = video.Length;
            await context.Response.Body.WriteAsync(video.AsMemory(0, video == first ? 1_200_000 : video.Length), Ct);
        });
        OutputFile[] files = [new("video", OutputKind.Video, host.Url)];
        Assert.IsType<TransferOutcome.NotStored>(await NewTransfer().StoreAsync("job", "req-1", files, Ct));
        video = second;
        Assert.IsType<TransferOutcome.Stored>(await NewTransfer().StoreAsync("job", "req-2", files, Ct));
        Assert.Equal(second, _store.Files[("job", "video")].Bytes);
    }

    public static TheoryData<string?, byte[], bool> NotVideos => new()
    {
        { "text/html", "<html>sign in</html>"u8.ToArray(), false },
        { "video/mp4", Png, false },
        { "video/mp4", "<html>sign in</html>"u8.ToArray(), false },
        { "video/mp4", [], false },
        { "video/mp4", [.. "\0\0\0\x1c"u8, .. "ftypavif"u8, .. new byte[100]], false },
        { "video/mp4", Mp4(24), true },
        { "video/webm; codecs=vp9", [0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x82, 0x84, .. "webm"u8], true },
        { "binary/octet-stream", Mp4(24), true },
        { null, Mp4(24), true },
        // Matroska, AVI, MPEG transport and program streams, Flash video, Ogg: no browser's format, but the video that was paid for.
        { "video/x-matroska", [0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x82, 0x88, .. "matroska"u8], true },
        { "video/x-msvideo", [.. "RIFF\0\0\u0001\0AVI LIST"u8], true },
        { "video/mp2t", TransportStream, true },
        { "video/mpeg", [0, 0, 1, 0xBA, 0x44, 0, 4, 0, 4, 1], true },
        { "video/x-flv", [.. "FLV\u0001\u0005\0\0\0\t"u8], true },
        { "video/ogg", [.. "OggS\0\u0002"u8, .. new byte[60]], true },
    };

    private static byte[] TransportStream
    {
        get
        {
            var packets = new byte[3 * 188];
            for (var at = 0; at < packets.Length; at += 188) packets[at] = 0x47;
            return packets;
        }
    }

    [Theory]
    [MemberData(nameof(NotVideos))]
    public async Task Video_needs_the_media_type_and_the_first_bytes_of_one(string? type, byte[] bytes, bool stored)
    {
        await using var host = await Serving(async context =>
        {
            context.Response.ContentType = type;
            await context.Response.Body.WriteAsync(bytes, Ct);
        });
        if (stored)
            Assert.Equal(bytes.Length, (await KeepVideo(host)).SizeBytes);
        else
            await Refused("video_invalid", host, mayRetry: null);
    }

    [Fact]
    public void Media_data_of_more_than_268_MB_may_come_first() =>
        Assert.Equal("video/quicktime", MediaFormat.Recognise([0x20, 0, 0, 0, .. "mdat"u8, .. new byte[56]])?.ContentType);

    [Fact]
    public async Task Failure_of_the_store_is_not_reported_as_one_of_the_network()
    {
        await using var host = await Serving(context => context.Response.Body.WriteAsync(Mp4(3_000_000), Ct).AsTask());
        _store.FailWrites = new IOException("disk full at /secret/path");
        await Refused("storage_failed", host, mayRetry: true);
        (_store.FailWrites, _store.FailCommits) = (null, new IOException());
        await Refused("storage_failed", host, mayRetry: true);
        Assert.Equal(2, host.Asked.Count);
    }

    [Fact]
    public async Task Minute_of_silence_interrupts_a_transfer()
    {
        var time = new FakeTimeProvider();
        await using var host = await Serving(async context =>
        {
            await context.Response.Body.WriteAsync(Mp4(100), Ct);
            await context.Response.Body.FlushAsync(Ct);
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        var storing = NewTransfer(time: time).StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], Ct);
        while (await Task.WhenAny(storing, Task.Delay(5, Ct)) != storing)
            time.Advance(TimeSpan.FromSeconds(60));
        var outcome = Assert.IsType<TransferOutcome.NotStored>(await storing);
        Assert.Equal("video_unreachable", outcome.Code);
        Assert.Contains("60 seconds", outcome.Message, StringComparison.Ordinal);
        Assert.Equal(0, _store.OpenSinks);
    }

    [Fact]
    public async Task Cancelling_throws_and_leaves_nothing()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await using var host = await Serving(async context =>
        {
            await context.Response.Body.WriteAsync(Mp4(2_000_000), Ct);
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => NewTransfer().StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], stop.Token));
        Assert.Equal(0, _store.OpenSinks);
        Assert.Empty(_store.Files);
    }

    private static byte[] Packed(byte[] bytes, string packing)
    {
        using var packed = new MemoryStream();
        using (Stream packer = packing switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Fastest),
            "zlib" => new ZLibStream(packed, CompressionLevel.Fastest),
            "deflate" => new DeflateStream(packed, CompressionLevel.Fastest),
            _ => new BrotliStream(packed, CompressionLevel.Fastest),
        })
            packer.Write(bytes);
        return packed.ToArray();
    }

    private static Task<LoopbackHost> Serving(RequestDelegate answer) => LoopbackHost.StartAsync(answer, Ct);

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Mp4(int length, int seed = 0)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        "\0\0\0\u0018ftypisom"u8.CopyTo(bytes);
        return bytes;
    }

    private ResultTransfer NewTransfer(bool allowLoopback = true, long mostBytes = 10_000_000, TimeProvider? time = null, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
    {
        var network = Options.Create(new NetworkOptions { AllowLoopback = allowLoopback });
        return new ResultTransfer(
            new GuardedClient(network, resolve), _store, Options.Create(new RunComfyOptions()), Options.Create(new StorageOptions { MaxVideoBytes = mostBytes }), network,
            time ?? new Impatience(), NullLogger<ResultTransfer>.Instance);
    }

    private async Task<StoredFile> KeepVideo(LoopbackHost host)
    {
        var outcome = await NewTransfer().StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], Ct);
        Assert.Equal(0, _store.OpenSinks);
        return Assert.Single(Assert.IsType<TransferOutcome.Stored>(outcome).Files);
    }

    private async Task Refused(string code, LoopbackHost host, bool? mayRetry, long mostBytes = 10_000_000)
    {
        var outcome = Assert.IsType<TransferOutcome.NotStored>(await NewTransfer(mostBytes: mostBytes).StoreAsync("job", "req-1", [new("video", OutputKind.Video, host.Url)], Ct));
        Assert.Equal((code, mayRetry ?? outcome.MayRetry), (outcome.Code, outcome.MayRetry));
        Assert.DoesNotContain("secret", outcome.Message, StringComparison.Ordinal);
        Assert.Equal(0, _store.OpenSinks);
        Assert.Empty(_store.Files);
    }

    /// <summary>
    /// Serves bytes, and closes the connection at given offsets of the file. Each cut is used by one answer.
    /// </summary>
    private sealed class Source(byte[] bytes)
    {
        private int _answers;

        public string? ETag { get; init; }

        public string? LastModified { get; init; }

        public bool KnowsRanges { get; init; } = true;

        public List<int> Cuts { get; init; } = [];

        public async Task Answer(HttpContext context)
        {
            var end = _answers < Cuts.Count ? Cuts[_answers] : bytes.Length;
            _answers++;
            var start = 0;
            var headers = context.Response.GetTypedHeaders();
            context.Response.ContentType = "video/mp4";
            context.Response.Headers.ETag = ETag;
            context.Response.Headers.LastModified = LastModified;
            var asked = context.Request.GetTypedHeaders();
            var validator = ETag is null || ETag.StartsWith("W/", StringComparison.Ordinal) ? LastModified : ETag;
            if (KnowsRanges && asked.Range is { } range && context.Request.Headers.IfRange == validator)
            {
                start = (int)range.Ranges.Single().From!;
                context.Response.StatusCode = 206;
                headers.ContentRange = new(start, bytes.Length - 1, bytes.Length);
            }

            context.Response.ContentLength = bytes.Length - start;
            await context.Response.StartAsync(Ct);
            if (end > start)
                await context.Response.Body.WriteAsync(bytes.AsMemory(start, end - start), Ct);
            await context.Response.Body.FlushAsync(Ct);
            // After a body that is too short, Kestrel closes the connection behind the sent bytes. Abort would make the kernel discard an
            // unknown part of them.
        }
    }
}
