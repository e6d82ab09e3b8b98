using KlingFunctions.Pipeline.Errors;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The header <c>Idempotency-Key</c>.</summary>
internal static class IdempotencyKey
{
    private const string Header = "Idempotency-Key";
    internal const int MaxLength = 255;

    /// <summary>Reads the key. A header without a usable key is refused: its sender would pay again with each repeat.</summary>
    /// <param name="request">The request.</param>
    /// <param name="key">The key; null if the request has no such header.</param>
    /// <returns>The fault, or null.</returns>
    public static Fault? Read(HttpRequest request, out string? key)
    {
        var values = request.Headers[Header];
        key = values.Count == 0 ? null : values[0] ?? "";
        if (key is null) return null;
        // A proxy may have joined two headers of this name into one.
        if (values.Count > 1 || (key.Split(',', StringSplitOptions.TrimEntries) is { Length: > 1 } parts && parts.Distinct().Count() == 1))
            return Fault($"The header {Header} was sent more than once: send it once.");
        if (string.IsNullOrWhiteSpace(key)) return Fault($"The header {Header} is empty, which protects nothing: give it a value, or leave it out.");
        return key.Length > MaxLength || key.Any(c => c is < ' ' or > '~')
            ? Fault($"The header {Header} must be at most {MaxLength} printable ASCII characters: a UUID is fine.")
            : null;
    }

    private static Fault Fault(string sentence) => new("", FaultCode.InvalidHeader, sentence);
}
