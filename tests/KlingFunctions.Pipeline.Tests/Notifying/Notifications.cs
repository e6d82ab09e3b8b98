using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests.Notifying;

internal static class Notifications
{
    /// <summary>The news of a job that failed.</summary>
    public static Notification To(Receiver receiver, string? webhookUrl = null)
    {
        var failed = Jobs.Failed(ErrorCodes.ProviderFailed);
        return new("msg_vid_1_0", receiver, Jobs.New(webhookUrl: webhookUrl), failed.State with { Receivers = [receiver] }, Jobs.CreatedAt.AddMinutes(3));
    }
}
