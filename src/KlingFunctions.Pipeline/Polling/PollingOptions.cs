using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Polling;

/// <summary>The price of polls. Section <c>Polling</c>.</summary>
internal sealed class PollingOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Polling";

    /// <summary>The lateness, in seconds, that saving one poll is worth: 0.001 to 3600.</summary>
    public double SecondsPerPoll { get; set; } = 1;
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class PollingOptionsValidator : IValidateOptions<PollingOptions>
{
    private const double Least = 0.001;
    private const double Most = 3600;

    public ValidateOptionsResult Validate(string? name, PollingOptions options) => options.SecondsPerPoll is >= Least and <= Most
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail(FormattableString.Invariant(
            $"Polling:SecondsPerPoll is {options.SecondsPerPoll}: it should be a number of seconds between {Least} and {Most}."));
}
