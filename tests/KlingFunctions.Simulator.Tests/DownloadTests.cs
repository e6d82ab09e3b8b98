using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace KlingFunctions.Simulator.Tests;

public class DownloadTests
{
    [Theory]
    [InlineData("16:9", "5", 640, 360)]
    [InlineData("16:9", "10", 640, 360)]
    [InlineData("9:16", "5", 360, 640)]
    [InlineData("9:16", "10", 360, 640)]
    [InlineData("1:1", "5", 480, 480)]
    [InlineData("1:1", "10", 480, 480)]
    public async Task Video_is_an_MP4_with_the_requested_shape_and_duration(string aspectRatio, string duration, int width, int height)
    {
        await using var provider = await Provider.Start();
        var file = await provider.Fetch(await provider.Finished(Provider.Input(aspectRatio, duration)));
        Assert.Equal((HttpStatusCode.OK, "video/mp4", (long)file.Bytes.Length),
            (file.StatusCode, file.ContentHeaders.ContentType?.MediaType, file.Length));
        var clip = Mp4.Read(file.Bytes);
        Assert.Equal(["ftyp", "moov"], clip.Boxes.Take(2));
        Assert.Contains("mdat", clip.Boxes);
        Assert.Equal((width, height), (clip.Width, clip.Height));
        Assert.Equal(int.Parse(duration, System.Globalization.CultureInfo.InvariantCulture), clip.Duration.TotalSeconds);
    }

    [Fact]
    public async Task Range_can_be_requested()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        var whole = (await provider.Fetch(url)).Bytes;
        await Part(new(100, 199), 100..200);
        await Part(new(whole.Length - 50, null), (whole.Length - 50)..whole.Length);
        await Part(new(null, 10), (whole.Length - 10)..whole.Length);
        await Part(new(whole.Length - 5, whole.Length + 5), (whole.Length - 5)..whole.Length);

        var outside = await provider.Fetch(url, new(whole.Length, null));
        Assert.Equal((HttpStatusCode.RequestedRangeNotSatisfiable, (long?)whole.Length),
            (outside.StatusCode, outside.ContentHeaders.ContentRange?.Length));

        async Task Part(RangeHeaderValue range, Range expected)
        {
            var part = await provider.Fetch(url, range);
            Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
            Assert.Equal(new ContentRangeHeaderValue(expected.Start.Value, expected.End.Value - 1, whole.Length), part.ContentHeaders.ContentRange);
            Assert.Equal(whole[expected], part.Bytes);
        }
    }

    [Fact]
    public async Task Range_of_another_version_returns_the_whole_file()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        var tag = (await provider.Fetch(url)).Headers.ETag!.Tag;
        Assert.Equal(HttpStatusCode.PartialContent, (await provider.Fetch(url, new(10, null), tag)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await provider.Fetch(url, new(10, null), "\"other\"")).StatusCode);
    }

    [Fact]
    public async Task HEAD_reports_the_length_and_sends_no_body()
    {
        await using var provider = await Provider.Start();
        var head = await provider.Fetch(await provider.Finished(), method: HttpMethod.Head);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.True(head.Length > 10_000);
        Assert.Empty(head.Bytes);
    }

    [Fact]
    public async Task Files_exist_only_for_finished_requests()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        var id = await provider.Submit();
        Assert.Equal(HttpStatusCode.NotFound, (await provider.Fetch(url + "x")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await provider.Fetch($"/files/{id}/{id[..8]}00_output.mp4")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await provider.Fetch("/files/nobody/nobody00_output.mp4")).StatusCode);
    }

    [Theory]
    [InlineData(403)]
    [InlineData(404)]
    public async Task File_can_expire_while_its_request_is_still_known(int statusCode)
    {
        await using var provider = await Provider.Start(new() { FileLifetime = TimeSpan.FromHours(1), ExpiredFileStatusCode = statusCode });
        var id = await provider.Submit();
        provider.PassARun();
        var url = (await provider.Result(id)).Json["output"]!["video"]!.GetValue<string>();
        provider.Pass(3599);
        Assert.Equal(HttpStatusCode.OK, (await provider.Fetch(url)).StatusCode);
        provider.Pass(1);
        Assert.Equal(statusCode, (int)(await provider.Fetch(url)).StatusCode);
        Assert.Equal("succeeded", (await provider.Result(id)).Text("status"));
    }

    [Fact]
    public async Task Download_can_be_interrupted_and_resumed()
    {
        await using var provider = await Provider.Start(new() { TruncatesAfter = 1000 });
        var url = await provider.Finished();
        var whole = (await provider.Fetch(url)).Bytes;
        provider.Host.Inject(new(ApiCall.Download, FaultKind.Truncated, Times: 2));
        var first = await provider.Fetch(url);
        var second = await provider.Fetch(url, new(1000, null));
        var third = await provider.Fetch(url, new(2000, null));
        Assert.Equal((false, false, true), (first.IsComplete, second.IsComplete, third.IsComplete));
        Assert.Equal(whole.Length, first.Length);
        Assert.Equal((1000, 1000), (first.Bytes.Length, second.Bytes.Length));
        Assert.Equal(whole, first.Bytes.Concat(second.Bytes).Concat(third.Bytes));
    }

    [Fact]
    public async Task Download_without_a_length_can_be_interrupted_too()
    {
        await using var provider = await Provider.Start(new() { FileLength = FileLength.Missing });
        var url = await provider.Finished();
        provider.Host.Inject(new(ApiCall.Download, FaultKind.Truncated));
        Assert.False((await provider.Fetch(url)).IsComplete);
        Assert.True((await provider.Fetch(url)).IsComplete);
    }

    [Fact]
    public async Task Range_header_can_be_ignored()
    {
        await using var provider = await Provider.Start(new() { IgnoresRange = true });
        var url = await provider.Finished();
        var part = await provider.Fetch(url, new(1000, null));
        Assert.Equal(HttpStatusCode.OK, part.StatusCode);
        Assert.Equal((await provider.Fetch(url)).Bytes, part.Bytes);
    }

    [Fact]
    public async Task Length_can_be_missing_or_wrong()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        var whole = await provider.Fetch(url);
        async Task<Download> With(FileLength length)
        {
            provider.Change(behaviour => behaviour with { FileLength = length });
            return await provider.Fetch(url);
        }

        var missing = await With(FileLength.Missing);
        Assert.Null(missing.Length);
        Assert.Equal(whole.Bytes, missing.Bytes);
        var tooLong = await With(FileLength.TooLong);
        Assert.Equal((false, whole.Bytes.Length + 1000), (tooLong.IsComplete, tooLong.Length));
        Assert.Equal(whole.Bytes, tooLong.Bytes);
        var half = await With(FileLength.Half);
        Assert.True(half.IsComplete);
        Assert.Equal(whole.Bytes[..(whole.Bytes.Length / 2)], half.Bytes);
    }

    [Fact]
    public async Task Media_type_can_be_wrong()
    {
        await using var provider = await Provider.Start(new() { FileContentType = "application/octet-stream" });
        Assert.Equal("application/octet-stream", (await provider.Fetch(await provider.Finished())).ContentHeaders.ContentType?.MediaType);
    }

    [Fact]
    public async Task Result_knob_serves_an_HTML_page_or_nothing()
    {
        await using var provider = await Provider.Start(new() { FileContent = FileContent.Html });
        var url = await provider.Finished();
        var page = await provider.Fetch(url);
        Assert.Equal("video/mp4", page.ContentHeaders.ContentType?.MediaType);
        Assert.StartsWith("<!DOCTYPE html>", Encoding.UTF8.GetString(page.Bytes), StringComparison.Ordinal);
        provider.Change(behaviour => behaviour with { FileContent = FileContent.Empty });
        var empty = await provider.Fetch(url);
        Assert.Equal((HttpStatusCode.OK, 0), (empty.StatusCode, empty.Bytes.Length));
    }

    [Fact]
    public async Task Video_can_have_any_size_and_stays_a_valid_MP4()
    {
        await using var provider = await Provider.Start(new() { PadsFilesTo = 1_000_000 });
        var url = await provider.Finished();
        var file = await provider.Fetch(url);
        Assert.Equal((true, 1_000_000), (file.IsComplete, file.Bytes.Length));
        Assert.Equal("free", Mp4.Read(file.Bytes).Boxes[^1]);
        Assert.Equal(file.Bytes[30_000..990_000], (await provider.Fetch(url, new(30_000, 989_999))).Bytes);
        provider.Change(behaviour => behaviour with { PadsFilesTo = 5_000_000_000 });
        Assert.Equal(5_000_000_000, (await provider.Fetch(url, method: HttpMethod.Head)).Length);
        Assert.Equal(new byte[7], (await provider.Fetch(url, new(4_999_999_993, null))).Bytes);
    }

    [Fact]
    public async Task File_can_redirect_to_another_path_or_another_host()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        var whole = (await provider.Fetch(url)).Bytes;
        provider.Change(behaviour => behaviour with { RedirectsFilesTo = "/moved" });
        var redirect = await provider.Fetch(url);
        Assert.Equal(HttpStatusCode.Found, redirect.StatusCode);
        Assert.Equal("/moved" + new Uri(url).AbsolutePath, redirect.Headers.Location?.OriginalString);
        Assert.Equal(whole, (await provider.Fetch(redirect.Headers.Location!.OriginalString)).Bytes);
        provider.Change(behaviour => behaviour with { RedirectsFilesTo = "http://169.254.169.254/" });
        Assert.Equal("169.254.169.254", (await provider.Fetch(url)).Headers.Location?.Host);
    }

    [Fact]
    public async Task Files_can_have_the_address_of_another_host()
    {
        await using var provider = await Provider.Start(new() { FilesBase = new("http://files.runcomfy.net") });
        var url = new Uri(await provider.Finished());
        Assert.Equal("files.runcomfy.net", url.Host);
        Assert.Equal(HttpStatusCode.OK, (await provider.Fetch(url.AbsolutePath)).StatusCode);
    }

    [Theory]
    [InlineData(FaultKind.Unavailable, 503)]
    [InlineData(FaultKind.TooManyRequests, 429)]
    [InlineData(FaultKind.BadGateway, 502)]
    public async Task Download_can_fail_for_a_while(FaultKind kind, int statusCode)
    {
        await using var provider = await Provider.Start(new() { Faults = [new(ApiCall.Download, kind)] });
        var url = await provider.Finished();
        Assert.Equal(statusCode, (int)(await provider.Fetch(url)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await provider.Fetch(url)).StatusCode);
        Assert.Equal(2, provider.Account.Calls(ApiCall.Download));
    }

    [Fact]
    public async Task Token_sent_with_a_download_is_recorded()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        await provider.Fetch(url);
        Assert.Equal(0, provider.Account.DownloadsWithToken);
        await provider.Get(url, token: "leaked");
        Assert.Equal(1, provider.Account.DownloadsWithToken);
    }
}
