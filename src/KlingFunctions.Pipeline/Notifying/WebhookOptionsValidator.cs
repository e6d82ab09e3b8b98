using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>Stops the start with one sentence for each wrong setting, naming its key and never a secret.</summary>
internal sealed class WebhookOptionsValidator : IValidateOptions<WebhookOptions>
{
    private const int MostAttempts = 100;
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(7);

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, WebhookOptions options)
    {
        List<string> faults = [.. Faults(options)];
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Faults(WebhookOptions options)
    {
        const string form = "whsec_ followed by the base64 of 24 to 64 random bytes";
        if (!string.IsNullOrEmpty(options.Secret) && !WebhookSecret.TryParse(options.Secret, out _))
            yield return $"Webhooks:Secret is not a webhook secret: it should be {form}.";
        if (!string.IsNullOrEmpty(options.PreviousSecret))
        {
            if (!WebhookSecret.TryParse(options.PreviousSecret, out _))
                yield return $"Webhooks:PreviousSecret is not a webhook secret: it should be {form}.";
            else if (string.IsNullOrEmpty(options.Secret))
                yield return "Webhooks:PreviousSecret is set without Webhooks:Secret: set the new secret too, or move this one there.";
        }

        if (options.Schedule.Count > MostAttempts)
            yield return $"Webhooks:Schedule holds {options.Schedule.Count} delays: {MostAttempts} is the most.";
        foreach (var (index, delay) in options.Schedule.Index())
        {
            if (delay < TimeSpan.Zero || delay > LongestDelay)
                yield return $"Webhooks:Schedule:{index} is {delay:c}: a delay is between 00:00:00 and 7.00:00:00.";
        }
    }
}
