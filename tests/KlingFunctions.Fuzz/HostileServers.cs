using System.Text;
using System.Text.Json;
using KlingFunctions.Local.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Fuzz;

/// <summary>Servers whose answer never ends, in any part of it: the client gives up in time, after reading little.</summary>
public sealed class HostileServers : IDisposable
{
    private static readonly IOptions<NetworkOptions> Network = Options.Create(new NetworkOptions { AllowLoopback = true });

    private static readonly Lazy<byte[]> Bomb = new(() => Spoil.Packed(new byte[30_000_000]));

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));
    private readonly GuardedClient _client = new(Network);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-hostile-");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string> Answers =>
    [
        "headers without end", "one header without end", "interim answers without end", "a status line that trickles", "a head that trickles", "nothing",
        "chunks of absurd sizes", "a length below nothing", "two lengths", "a body without end", "a body of chunks without end", "a body that trickles", "a bomb",
        "no HTTP", "trailers without end",
    ];

    public void Dispose()
    {
        _client.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory, MemberData(nameof(Answers))]
    public async Task Endless_webhook_receiver_does_not_delay_others(string answer)
    {
        await using var server = Serve(answer, "application/json");
        var sender = new WebhookSender(_client, Options.Create(new WebhookOptions()), _time, NullLogger<WebhookSender>.Instance);
        var attempt = await WhileTimePasses(sender.SendAsync(new(server.Url), "msg_1", "{}"u8.ToArray(), null, null, Ct));
        Assert.True(attempt is DeliveryAttempt.Delivered or DeliveryAttempt.Failed, $"{attempt}");
        Assert.InRange(server.Sent, 0, 20_000_000);
    }

    [Theory, MemberData(nameof(Answers))]
    public async Task Endless_image_host_makes_an_image_unreachable_or_invalid(string answer)
    {
        await using var server = Serve(answer, "image/png");
        var check = new ImageCheck(_client, _time, NullLogger<ImageCheck>.Instance);
        var faults = await WhileTimePasses(check.CheckAsync([new("/image_urls/0", server.Url, KlingO1.ReferenceImages)], Ct));
        Assert.Contains(Assert.Single(faults).Code, (string[])[FaultCode.ImageUnreachable, FaultCode.ImageNotAnImage]);
        Assert.InRange(server.Sent, 0, 40_000_000);
    }

    [Theory, MemberData(nameof(Answers))]
    public async Task Endless_answer_leaves_the_POST_in_doubt_and_other_calls_retryable(string answer)
    {
        await using var server = Serve(answer, "application/json");
        var options = Options.Create(new RunComfyOptions { ApiToken = "token", BaseUrl = server.Url });
        using var http = new HttpClient(RunComfyClient.CreateHandler());
        var client = new RunComfyClient(http, options, _time, NullLogger<RunComfyClient>.Instance);
        Assert.IsType<SubmitAnswer.InDoubt>(await WhileTimePasses(client.SubmitAsync(JsonElement.Parse("{}"), Ct)));
        Assert.Equal(FaultClass.Transient, Assert.IsType<StatusAnswer.Faulted>(await WhileTimePasses(client.GetStatusAsync("req_1", Ct))).Fault.Class);
        Assert.Equal(FaultClass.Transient, Assert.IsType<ResultAnswer.Faulted>(await WhileTimePasses(client.GetResultAsync("req_1", Ct))).Fault.Class);
        Assert.Equal(FaultClass.Transient, Assert.IsType<CancelAnswer.Faulted>(await WhileTimePasses(client.CancelAsync("req_1", Ct))).Fault.Class);
        Assert.InRange(server.Sent, 0, 80_000_000);
    }

    [Theory, MemberData(nameof(Answers))]
    public async Task Endless_result_host_makes_a_video_unreachable_or_refused(string answer)
    {
        const int MostBytes = 5_000_000;
        await using var server = Serve(answer, "video/mp4");
        var store = new FolderVideoStore(_folder.FullName, _time);
        var transfer = new ResultTransfer(
            _client, store, Options.Create(new RunComfyOptions()), Options.Create(new StorageOptions { MaxVideoBytes = MostBytes }), Network, _time,
            NullLogger<ResultTransfer>.Instance);
        var outcome = await WhileTimePasses(transfer.StoreAsync("job", "req_1", [new("video", OutputKind.Video, server.Url)], Ct));
        Assert.Contains(Assert.IsType<TransferOutcome.NotStored>(outcome).Code, (string[])["video_unreachable", "video_too_large", "video_invalid"]);
        Assert.InRange(server.Sent, 0, 80_000_000);
        Assert.InRange(server.Asked, 1, 10);
        // The first part stays for the next run to continue, and is not a stored video.
        Assert.DoesNotContain(_folder.EnumerateFiles("*", SearchOption.AllDirectories), file => !file.Name.Contains(".left", StringComparison.Ordinal));
    }

    private HostileServer Serve(string answer, string type)
    {
        var head = $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\n";
        byte[] start = type switch
        {
            "video/mp4" => [.. "\0\0\0\x18"u8, .. "ftypisom"u8, .. new byte[100]],
            "image/png" => [0x89, .. "PNG\r\n\x1a\n"u8],
            _ => [.. "{\"x\":\""u8],
        };
        byte[] junk = [.. Enumerable.Repeat((byte)'x', 16_384)];
        return new(async (send, stop) =>
        {
            Task Say(string text) => send(Encoding.Latin1.GetBytes(text));
            async Task Forever(byte[] bytes)
            {
                while (true) await send(bytes);
            }
            async Task Trickle(byte[] bytes)
            {
                foreach (var one in bytes)
                {
                    await send([one]);
                    await Task.Delay(TimeSpan.FromSeconds(2), _time, stop);
                }
            }
            switch (answer)
            {
                case "headers without end": await Say(head); await Forever("X-Header: of some length\r\n"u8.ToArray()); break;
                case "one header without end": await Say(head + "X-Header: "); await Forever(junk); break;
                case "interim answers without end": await Forever([.. Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"u8.ToArray(), 50).SelectMany(b => b)]); break;
                case "a status line that trickles": await Trickle(Encoding.ASCII.GetBytes($"HTTP/1.1 200 {new string('O', 2_000)}")); break;
                case "a head that trickles": await Trickle(Encoding.ASCII.GetBytes(head + string.Concat(Enumerable.Repeat("X: y\r\n", 500)))); break;
                case "nothing": await Task.Delay(TimeSpan.FromHours(2), _time, stop); break;
                case "chunks of absurd sizes": await Say(head + "Transfer-Encoding: chunked\r\n\r\n"); await send([.. "5\r\n12345\r\nFFFFFFFFFFFFFFFFFFFF\r\n"u8, .. junk]); break;
                case "a length below nothing": await Say(head + "Content-Length: -5\r\n\r\n"); break;
                case "two lengths": await Say(head + "Content-Length: 5\r\nContent-Length: 70000\r\n\r\n"); await send(junk); break;
                case "a body without end": await Say(head + "\r\n"); await send(start); await Forever(junk); break;
                case "a body of chunks without end":
                    await Say(head + "Transfer-Encoding: chunked\r\n\r\n");
                    await Forever([.. "4000\r\n"u8, .. (byte[])[.. start, .. junk[start.Length..]], .. "\r\n"u8]);
                    break;
                case "a body that trickles":
                    await Say(head + "ETag: \"a\"\r\nContent-Length: 4000\r\n\r\n");
                    await send(start);
                    await Trickle(junk[..(4_000 - start.Length)]);
                    break;
                case "a bomb": await Say(head + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"); await send(Bomb.Value); break;
                case "no HTTP": await Forever(junk); break;
                case "trailers without end": await Say(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n"); await Forever("X-Trailer: of some length\r\n"u8.ToArray()); break;
                default: throw new ArgumentOutOfRangeException(nameof(answer), answer, "Not known.");
            }
        });
    }

    /// <summary>Advances time until the task is done.</summary>
    private async Task<T> WhileTimePasses<T>(Task<T> task)
    {
        while (await Task.WhenAny(task, Task.Delay(1, Ct)) != task) _time.Advance(TimeSpan.FromSeconds(1));
        return await task;
    }
}
