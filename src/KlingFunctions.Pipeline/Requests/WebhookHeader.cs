using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>
/// A header that a receiver requires with its webhooks, such as <c>Authorization</c>. Its value is a secret, and is never shown.
/// </summary>
/// <param name="Name">The header's name.</param>
/// <param name="Value">The header's value.</param>
public sealed record WebhookHeader(string Name, string Value)
{
    /// <summary>The most characters of the name.</summary>
    public const int MaxNameLength = 64;

    /// <summary>The most characters of the value.</summary>
    public const int MaxValueLength = 1_024;

    // The message or the connection sets these itself.
    private static readonly string[] Reserved =
        ["host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "user-agent", "traceparent"];
    private static readonly string[] ReservedPrefixes = ["content-", "proxy-", "webhook-"];

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: redacted";

    /// <summary>Checks name and value; no fault quotes the value.</summary>
    internal static void Check(string? name, string? value, string pointer, Findings findings)
    {
        if (NameFault(name) is { } wrongName) findings.Fault($"{pointer}/name", wrongName.Code, wrongName.Sentence);
        if (ValueFault(value) is { } wrongValue) findings.Fault($"{pointer}/value", wrongValue.Code, wrongValue.Sentence);
    }

    private static (string Code, string Sentence)? NameFault(string? name)
    {
        if (string.IsNullOrEmpty(name)) return (FaultCode.Required, "The header needs a name, such as Authorization.");
        if (name.Length > MaxNameLength) return (FaultCode.TooLong, $"The header's name has {name.Length:N0} characters: at most {MaxNameLength} are accepted.");
        if (Reserved.Contains(name, StringComparer.OrdinalIgnoreCase) || ReservedPrefixes.Any(p => name.StartsWith(p, StringComparison.OrdinalIgnoreCase)))
            return (FaultCode.NotAllowedValue, $"The header {Wording.Quote(name)} is set by the webhook itself: use another, such as Authorization.");
        using var message = new HttpRequestMessage();
        return message.Headers.TryAddWithoutValidation(name, "value") ? null
            : (FaultCode.NotAllowedValue, $"{Wording.Quote(name)} can't be the name of a request header: use one such as Authorization or X-Api-Key.");
    }

    private static (string Code, string Sentence)? ValueFault(string? value)
    {
        if (string.IsNullOrWhiteSpace(value)) return (FaultCode.Required, "The header needs a value.");
        if (value.Length > MaxValueLength) return (FaultCode.TooLong, $"The header's value has {value.Length:N0} characters: at most {MaxValueLength:N0} are accepted.");
        return value.All(c => c is >= ' ' and <= '~') && value[0] != ' ' && value[^1] != ' ' ? null
            : (FaultCode.NotAllowedValue, "The header's value must be printable ASCII, without a space at its start or end.");
    }
}
