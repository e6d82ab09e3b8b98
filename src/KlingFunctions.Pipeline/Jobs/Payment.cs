using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>Whether a job was paid for.</summary>
public enum Payment
{
    /// <summary>Nothing was accepted by RunComfy.</summary>
    No,

    /// <summary>RunComfy accepted it.</summary>
    Yes,

    /// <summary>
    /// The submission is in doubt, or the job failed or was cancelled: RunComfy does not document whether it charges for these.
    /// </summary>
    Unknown,
}

/// <summary>Decides whether a job was paid for.</summary>
internal static class Payments
{
    /// <summary>The payment by the job's state.</summary>
    public static Payment Of(JobState state) => state switch
    {
        { Error.Code: ErrorCodes.SubmissionInDoubt } => Payment.Unknown,
        { Provider: null } => Payment.No,
        { Status: JobStatus.Cancelled } or { Error.Code: ErrorCodes.ProviderFailed or ErrorCodes.ProviderTimeout or ErrorCodes.ProviderExpired } => Payment.Unknown,
        _ => Payment.Yes,
    };
}
