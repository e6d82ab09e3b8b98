using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>The policy for a submission in doubt. Section <c>Submission</c>.</summary>
internal sealed class SubmissionOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Submission";

    /// <summary><c>fail</c>: fail the job and let a person decide. <c>resubmit</c>: submit again, at the risk of paying twice.</summary>
    public string WhenInDoubt { get; set; } = "fail";
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class SubmissionOptionsValidator : IValidateOptions<SubmissionOptions>
{
    public ValidateOptionsResult Validate(string? name, SubmissionOptions options) => options.WhenInDoubt is "fail" or "resubmit"
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"Submission:WhenInDoubt must be 'fail' or 'resubmit', not '{options.WhenInDoubt}'.");
}
