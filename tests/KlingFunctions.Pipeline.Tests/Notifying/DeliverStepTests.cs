using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public sealed class DeliverStepTests : IDisposable
{
    private readonly FakeJobs _jobs = new();
    private readonly FakeTimeProvider _time = new(SampleJobs.CreatedAt.AddMinutes(4));
    private readonly InMemoryDocuments _documents = new();
    private readonly GuardedClient _client = new(Options.Create(new NetworkOptions { AllowLoopback = true }));
    private readonly List<byte[]> _bodies = [];
    private int _status = 204;
    private string? _retryAfter;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Subscriptions Subscribers => new(_documents, NullLogger<Subscriptions>.Instance);

    private DeadLetters Letters => new(_documents, NullLogger<DeadLetters>.Instance);

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Undelivered_webhook_is_retried_on_schedule_then_kept_with_its_body()
    {
        await using var host = await ReceiverAsync();
        var notification = Own(host);
        _status = 500;
        Assert.Equal(new(DeliveryState.Pending, TimeSpan.FromMinutes(5), "The receiver answered HTTP 500."), await Step().RunAsync(new(notification, 1), Ct));
        Assert.Equal(TimeSpan.FromHours(1), (await Step().RunAsync(new(notification, 2), Ct)).Delay);
        Assert.Empty(await Letters.ListAsync(Ct));

        Assert.Equal(DeliveryState.DeadLetter, (await Step().RunAsync(new(notification, 3), Ct)).State);
        var letter = Assert.Single(await Letters.ListAsync(Ct));
        Assert.Equal(new(notification.Receiver.NotificationId, "vid_1", notification.Receiver.Host, "The receiver answered HTTP 500.", letter.Body, _time.GetUtcNow()), letter);
        Assert.Equal(WebhookBody.Of(notification), System.Text.Encoding.UTF8.GetBytes(letter.Body));
    }

    [Fact]
    public async Task Every_try_has_the_same_id_and_the_same_bytes()
    {
        await using var host = await ReceiverAsync();
        var notification = Own(host);
        _status = 500;
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            await Step().RunAsync(new(notification, attempt), Ct);
            _time.Advance(TimeSpan.FromHours(1));
        }
        Assert.Equal(3, _bodies.Count);
        Assert.Single(_bodies.Select(Convert.ToHexString).Distinct());
        Assert.Equal("msg_vid_1_0", Assert.Single(host.Asked.Select(h => h["webhook-id"].ToString()).Distinct()));
        Assert.Equal(3, host.Asked.Select(h => h["webhook-timestamp"].ToString()).Distinct().Count());
    }

    [Fact]
    public async Task Delivered_webhook_is_not_resent_when_its_dead_letter_stays()
    {
        await using var host = await ReceiverAsync();
        _documents.Before = (call, _) =>
        {
            if (call == "delete") throw new IOException("The store is read-only.");
        };
        Assert.Equal(DeliveryState.Delivered, (await Step().RunAsync(new(Own(host), 1), Ct)).State);
    }

    [Fact]
    public async Task Dead_letter_is_removed_when_it_is_delivered_later()
    {
        await using var host = await ReceiverAsync();
        var notification = Own(host);
        _status = 500;
        await Step().RunAsync(new(notification, 3), Ct);
        _status = 200;
        Assert.Equal(DeliveryState.Delivered, (await Step().RunAsync(new(notification, 1), Ct)).State);
        Assert.Empty(await Letters.ListAsync(Ct));
    }

    [Fact]
    public async Task Retry_After_of_a_receiver_is_obeyed()
    {
        await using var host = await ReceiverAsync();
        (_status, _retryAfter) = (503, "7200");
        Assert.Equal(TimeSpan.FromHours(2), (await Step().RunAsync(new(Own(host), 1), Ct)).Delay);
    }

    [Fact]
    public async Task Receiver_that_answers_410_gets_no_more_tries()
    {
        await using var host = await ReceiverAsync();
        _status = 410;
        Assert.Equal(DeliveryState.Gone, (await Step().RunAsync(new(Own(host), 1), Ct)).State);
        Assert.Empty(await Letters.ListAsync(Ct));
    }

    [Fact]
    public async Task Status_410_ends_the_subscription()
    {
        await using var host = await ReceiverAsync();
        await Subscribers.AddAsync(new("sub_1", $"{host.Url}/flow?sig=secret", [], _time.GetUtcNow()), Ct);
        await Subscribers.AddAsync(new("sub_2", $"{host.Url}/other", [], _time.GetUtcNow()), Ct);
        _status = 410;
        Assert.Equal(DeliveryState.Gone, (await Step().RunAsync(new(Notifications.To(new("sub_1", "example.com", "ntf_vid_1_0_sub_1")), 1), Ct)).State);
        Assert.Equal("sub_2", Assert.Single(await Subscribers.ListAsync(Ct)).Id);
    }

    [Fact]
    public async Task Dead_letter_counts_once_per_round_though_its_step_runs_twice()
    {
        await using var host = await ReceiverAsync();
        var counted = 0;
        using var meter = FindReceiversStepTests.Listen("kling.deliveries", () => counted++);
        _status = 500;
        for (var round = 1; round <= 2; round++)
        {
            for (var run = 0; run < 3; run++)
            {
                Assert.Equal(DeliveryState.DeadLetter, (await Step().RunAsync(new(Own(host), 3, SampleJobs.CreatedAt.AddDays(round)), Ct)).State);
                _time.Advance(TimeSpan.FromMinutes(5));
            }
            Assert.Equal(round, counted);
        }
    }

    [Fact]
    public async Task Subscription_is_notified_at_its_URL_until_it_is_deleted()
    {
        await using var host = await ReceiverAsync();
        await Subscribers.AddAsync(new("sub_1", $"{host.Url}/flow?sig=secret", [], _time.GetUtcNow()), Ct);
        var notification = Notifications.To(new("sub_1", "example.com", "ntf_vid_1_0_sub_1"));
        Assert.Equal(DeliveryState.Delivered, (await Step().RunAsync(new(notification, 1), Ct)).State);

        await Subscribers.RemoveAsync("sub_1", Ct);
        Assert.Equal(DeliveryState.Gone, (await Step().RunAsync(new(notification, 1), Ct)).State);
        Assert.Single(_bodies);
    }

    /// <summary>A notification for a job with this host as its webhook. The notification does not contain the URL's query.</summary>
    private Notification Own(LoopbackHost host)
    {
        var notification = Notifications.To(new("webhook", new Uri(host.Url).Authority, "ntf_vid_1_0_webhook"), $"{host.Url}/hook?sig=secret");
        _jobs.Put(new(notification.Job!, notification.State!, IsRunning: false, []));
        return notification with { Job = notification.Job!.WithoutSecrets() };
    }

    private DeliverStep Step() => new(
        new WebhookSender(_client, Options.Create(new WebhookOptions()), _time, NullLogger<WebhookSender>.Instance),
        new DeliverySchedule([TimeSpan.Zero, TimeSpan.FromMinutes(5), TimeSpan.FromHours(1)]), _jobs, Subscribers, Letters, _time, NullLogger<DeliverStep>.Instance);

    private Task<LoopbackHost> ReceiverAsync() => LoopbackHost.StartAsync(
        async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            _bodies.Add(body.ToArray());
            if (_retryAfter is not null) http.Response.Headers.RetryAfter = _retryAfter;
            http.Response.StatusCode = _status;
        },
        Ct);
}
