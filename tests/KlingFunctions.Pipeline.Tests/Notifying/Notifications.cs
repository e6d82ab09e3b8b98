using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Notifying;

internal static class Notifications
{
    /// <summary>A notification about a failed job.</summary>
    public static Notification To(Receiver receiver, string? webhookUrl = null)
    {
        var failed = SampleJobs.Failed(ErrorCodes.ProviderFailed);
        return new("msg_vid_1_0", receiver, SampleJobs.New(webhookUrl: webhookUrl), failed.State with { Receivers = [receiver] }, SampleJobs.CreatedAt.AddMinutes(3));
    }
}
