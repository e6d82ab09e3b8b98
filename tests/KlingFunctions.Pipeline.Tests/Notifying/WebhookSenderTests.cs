using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public class WebhookSenderTests
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private static readonly byte[] Body = """{"type":"video.succeeded"}"""u8.ToArray();

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 9, 30, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Webhook_arrives_unchanged_and_verifies()
    {
        byte[]? received = null;
        await using var receiver = await LoopbackHost.StartAsync(
            async context =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body, Ct);
                received = body.ToArray();
                context.Response.StatusCode = 204;
            },
            Ct);
        Assert.Equal(new DeliveryAttempt.Delivered(204), await Send(receiver.Url + "/hook?key=1", Secret));

        var headers = Assert.Single(receiver.Asked);
        Assert.Equal(("application/json", "msg_1", "1790769600"), (headers.ContentType.ToString(), headers["webhook-id"].ToString(), headers["webhook-timestamp"].ToString()));
        Assert.True(WebhookSecret.TryParse(Secret, out var secret));
        Assert.True(WebhookSignature.Verify([secret], headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"], received, _time));
    }

    [Fact]
    public async Task Without_a_secret_a_webhook_is_sent_unsigned()
    {
        await using var receiver = await Answering(200);
        Assert.IsType<DeliveryAttempt.Delivered>(await Send(receiver.Url, secret: null));
        Assert.False(Assert.Single(receiver.Asked).ContainsKey("webhook-signature"));
    }

    [Fact]
    public async Task Status_410_is_gone()
    {
        await using var receiver = await Answering(410);
        Assert.IsType<DeliveryAttempt.Gone>(await Send(receiver.Url));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(500)]
    public async Task Other_statuses_are_failures(int status)
    {
        await using var receiver = await Answering(status);
        Assert.Equal(new DeliveryAttempt.Failed($"The receiver answered HTTP {status}.", status, null), await Send(receiver.Url));
    }

    [Fact]
    public async Task Retry_After_of_a_receiver_is_returned()
    {
        await using var receiver = await Answering(503, response => response.Headers.RetryAfter = "120");
        Assert.Equal(TimeSpan.FromMinutes(2), Assert.IsType<DeliveryAttempt.Failed>(await Send(receiver.Url)).RetryAfter);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(307)]
    public async Task Redirect_is_a_failure_that_says_so_and_is_not_followed(int status)
    {
        await using var receiver = await Answering(status, response => response.Headers.Location = "/elsewhere");
        var failed = Assert.IsType<DeliveryAttempt.Failed>(await Send(receiver.Url));
        Assert.Equal(status, failed.StatusCode);
        Assert.Contains("redirect", failed.Reason, StringComparison.Ordinal);
        Assert.Single(receiver.Asked);
    }

    [Fact]
    public async Task Endless_answer_does_not_delay_the_delivery()
    {
        await using var receiver = await LoopbackHost.StartAsync(
            async context =>
            {
                var junk = new byte[65536];
                while (!context.RequestAborted.IsCancellationRequested)
                    await context.Response.Body.WriteAsync(junk, context.RequestAborted);
            },
            Ct);
        Assert.IsType<DeliveryAttempt.Delivered>(await Send(receiver.Url));
    }

    [Fact]
    public async Task Receiver_without_an_answer_is_given_up_after_fifteen_seconds()
    {
        var asked = new TaskCompletionSource();
        await using var receiver = await LoopbackHost.StartAsync(
            context =>
            {
                asked.SetResult();
                return Task.Delay(Timeout.Infinite, context.RequestAborted);
            },
            Ct);
        var attempt = Send(receiver.Url);
        await asked.Task;
        _time.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal(new DeliveryAttempt.Failed("The receiver did not answer within 15 seconds.", null, null), await attempt);
    }

    [Theory]
    [InlineData("https://10.0.0.1/hook?key=SECRET")]
    [InlineData("http://example.org/hook?key=SECRET")]
    [InlineData("https://me:SECRET@example.org/hook")]
    public async Task Refused_address_is_a_failure_without_its_secrets(string url) =>
        Assert.DoesNotContain("SECRET", Assert.IsType<DeliveryAttempt.Failed>(await Send(url)).Reason, StringComparison.Ordinal);

    [Fact]
    public async Task Unreachable_receiver_is_a_failure()
    {
        var receiver = await Answering(200);
        var url = receiver.Url;
        await receiver.DisposeAsync();
        Assert.Equal(new DeliveryAttempt.Failed("The receiver's host could not be connected to.", null, null), await Send(url));
    }

    [Fact]
    public async Task Untrusted_certificate_is_named_in_the_failure()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var receiver = await LoopbackHost.StartAsync(_ => Task.CompletedTask, Ct, certificate);
        Assert.Contains("certificate", Assert.IsType<DeliveryAttempt.Failed>(await Send(receiver.Url)).Reason, StringComparison.Ordinal);
        Assert.Empty(receiver.Asked);
    }

    [Fact]
    public async Task Callers_cancellation_throws()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Sender(Secret).SendAsync(new Uri("http://127.0.0.1:9"), "msg_1", Body, null, null, stop.Token));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("a\r\nx: y")]
    public async Task Invalid_webhook_id_is_not_sent(string id) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Sender(Secret).SendAsync(new Uri("http://127.0.0.1:9"), id, Body, null, null, Ct));

    private static Task<LoopbackHost> Answering(int status, Action<HttpResponse>? also = null) => LoopbackHost.StartAsync(
        context =>
        {
            context.Response.StatusCode = status;
            also?.Invoke(context.Response);
            return Task.CompletedTask;
        },
        Ct);

    private Task<DeliveryAttempt> Send(string url, string? secret = Secret) => Sender(secret).SendAsync(new Uri(url), "msg_1", Body, null, null, Ct);

    private WebhookSender Sender(string? secret) => new(
        new GuardedClient(Options.Create(new NetworkOptions { AllowLoopback = true })), Options.Create(new WebhookOptions { Secret = secret }), _time, NullLogger<WebhookSender>.Instance);
}
