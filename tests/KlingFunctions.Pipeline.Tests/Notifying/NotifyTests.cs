using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public class NotifyTests
{
    private static readonly Notification Failed = Notifications.To(new("webhook", "example.com", "ntf_vid_1_0_webhook"));

    [Fact]
    public void Delivered_webhook_is_sent_once()
    {
        var engine = new ScriptedEngine().On(Notify.Deliver, _ => new DeliveryOutcome(DeliveryState.Delivered));
        var end = Run(engine);
        Assert.Equal((DeliveryState.Delivered, 1, null), (end.State, end.Attempts, end.NextAttemptAt));
        Assert.Empty(engine.Calls.OfType<RecordedCall.Slept>());
    }

    [Fact]
    public void Each_try_waits_as_the_last_one_said_and_the_status_shows_when()
    {
        var tries = new List<(int Attempt, TimeSpan After)>();
        var engine = new ScriptedEngine();
        engine.On(Notify.Deliver, delivery =>
        {
            tries.Add((delivery.Attempt, engine.Now - ScriptedEngine.Start));
            return new DeliverySchedule([]).DelayAfter(delivery.Attempt) is { } delay
                ? new(DeliveryState.Pending, delay, "HTTP 500")
                : new(DeliveryState.DeadLetter, Reason: "HTTP 500");
        });
        var end = Run(engine);
        Assert.Equal((DeliveryState.DeadLetter, 10, null, "HTTP 500"), (end.State, end.Attempts, end.NextAttemptAt, end.Reason));

        var due = TimeSpan.Zero;
        foreach (var ((attempt, after), (n, delay)) in tries.Zip(DeliverySchedule.Standard.Index()))
        {
            due += delay;
            Assert.Equal(n + 1, attempt);
            Assert.InRange(after, due, due + TimeSpan.FromSeconds(5));
        }
        var shown = engine.Calls.OfType<RecordedCall.Reported>().Select(r => JsonSerializer.Deserialize(r.Status, PipelineJson.Default.NotificationState)!).ToList();
        Assert.Equal(Enumerable.Range(0, 11), shown.Select(s => s.Attempts));
        Assert.All(shown.SkipLast(1), s => Assert.Equal(DeliveryState.Pending, s.State));
        Assert.All(shown.SkipLast(1), s => Assert.NotNull(s.NextAttemptAt));
    }

    [Fact]
    public void Step_that_throws_is_repeated_without_counting_as_a_try()
    {
        var runs = 0;
        var engine = new ScriptedEngine();
        engine.On(Notify.Deliver, delivery => ++runs < 4 ? throw new IOException("no disk") : new DeliveryOutcome(DeliveryState.Delivered));
        var end = Run(engine);
        Assert.Equal((DeliveryState.Delivered, 1), (end.State, end.Attempts));
    }

    [Fact]
    public void Step_that_keeps_failing_ends_as_a_dead_letter_and_hides_its_exception()
    {
        var engine = new ScriptedEngine().On<Delivery, DeliveryOutcome>(Notify.Deliver, _ => throw new IOException("/srv/secret?sig=s3cr3t"));
        var end = Run(engine);
        Assert.Equal((DeliveryState.DeadLetter, null), (end.State, end.NextAttemptAt));
        var shown = engine.Calls.OfType<RecordedCall.Reported>().Select(r => r.Status).ToList();
        Assert.Contains("dead_letter", shown[^1], StringComparison.Ordinal);
        Assert.DoesNotContain(shown, s => s.Contains("s3cr3t", StringComparison.Ordinal));
    }

    [Fact]
    public void Body_is_the_same_in_every_try_with_the_time_of_the_event()
    {
        var bodies = new List<string>();
        var engine = new ScriptedEngine();
        engine.On(Notify.Deliver, delivery =>
        {
            bodies.Add(Encoding.UTF8.GetString(WebhookBody.Of(delivery.Notification)));
            return bodies.Count < 3 ? new(DeliveryState.Pending, TimeSpan.FromHours(1)) : new(DeliveryState.Delivered);
        });
        Run(engine);
        Assert.Equal(3, bodies.Count);
        var body = JsonElement.Parse(Assert.Single(bodies.Distinct()));
        Assert.Equal("video.failed", body.GetProperty("type").GetString());
        Assert.Equal(Failed.EndedAt, body.GetProperty("timestamp").GetDateTimeOffset());
        Assert.Equal("vid_1", body.GetProperty("data").GetProperty("id").GetString());
    }

    private static NotificationState Run(ScriptedEngine engine) => engine.Run(Notify.RunAsync, Failed.Receiver.NotificationId, Failed);
}
