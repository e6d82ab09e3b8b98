using System.Net.Http.Headers;

namespace KlingFunctions.Pipeline.Network;

/// <summary>The wait that a server asks for with <c>Retry-After</c> (RFC 9110, section 10.2.3).</summary>
internal static class RetryAfter
{
    /// <summary>The cap on the wait.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(24);

    /// <summary>The wait from now, from 0 to <see cref="Longest"/>; null when the header is absent or malformed.</summary>
    public static TimeSpan? Read(HttpResponseHeaders headers, TimeProvider time)
    {
        TimeSpan? wait = headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => null,
        };
        return wait is { } w ? TimeSpan.FromTicks(Math.Clamp(w.Ticks, 0, Longest.Ticks)) : null;
    }
}
