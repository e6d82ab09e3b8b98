using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public class NotificationStateTests
{
    private static readonly Receiver Receiver = new("webhook", "hooks.example.com", "ntf_1");

    [Theory]
    [InlineData(RunState.Running, DeliveryState.Pending)]
    [InlineData(RunState.Broken, DeliveryState.DeadLetter)]
    public void Notification_without_a_report_is_pending_unless_its_workflow_failed(RunState run, DeliveryState state) =>
        Assert.Equal(("ntf_1", "hooks.example.com", state, 0), NotificationState.Of(Receiver, null, run) is var n ? (n.Id, n.Receiver, n.State, n.Attempts) : default);

    [Fact]
    public void Notification_with_a_failed_workflow_can_be_redelivered_and_says_why()
    {
        var waiting = new NotificationState("ntf_1", "hooks.example.com", DeliveryState.Pending, 3, DateTimeOffset.UnixEpoch, "503");
        Assert.Equal(waiting, NotificationState.Of(Receiver, waiting, RunState.Running));
        var broken = NotificationState.Of(Receiver, waiting, RunState.Broken);
        Assert.Equal((DeliveryState.DeadLetter, 3, null), (broken.State, broken.Attempts, broken.NextAttemptAt));
        Assert.Contains("Redeliver", broken.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DeliveryState.Delivered)]
    [InlineData(DeliveryState.Gone)]
    [InlineData(DeliveryState.DeadLetter)]
    public void Ended_notification_is_unchanged(DeliveryState state)
    {
        var over = new NotificationState("ntf_1", "hooks.example.com", state, 2);
        Assert.Equal(over, NotificationState.Of(Receiver, over, RunState.Broken));
    }
}
