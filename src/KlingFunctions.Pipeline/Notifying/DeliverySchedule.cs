namespace KlingFunctions.Pipeline.Notifying;

/// <summary>The delays between attempts to deliver a webhook.</summary>
public sealed class DeliverySchedule
{
    /// <summary>
    /// Now, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: a little over three days, as Standard Webhooks 1.0 recommends.
    /// </summary>
    public static readonly IReadOnlyList<TimeSpan> Standard =
    [
        TimeSpan.Zero, TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2),
        TimeSpan.FromHours(5), TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>The cap on a receiver's <c>Retry-After</c>.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(24);

    private readonly IReadOnlyList<TimeSpan> _delays;

    /// <summary>Makes a schedule.</summary>
    /// <param name="delays">The delay before each attempt, the first included; empty for <see cref="Standard"/>.</param>
    public DeliverySchedule(IEnumerable<TimeSpan> delays) => _delays = delays.ToList() is { Count: > 0 } own ? own : Standard;

    /// <summary>The number of attempts.</summary>
    public int Attempts => _delays.Count;

    /// <summary>The delay from now to the next attempt; null when all have been made.</summary>
    /// <param name="attemptsMade">The number of attempts made, 0 before the first.</param>
    /// <param name="retryAfter">The wait that the receiver asked for after the last; it can postpone an attempt, but not advance or add
    /// one.</param>
    public TimeSpan? DelayAfter(int attemptsMade, TimeSpan? retryAfter = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(attemptsMade);
        if (attemptsMade >= _delays.Count)
            return null;
        var asked = retryAfter ?? TimeSpan.Zero;
        if (asked > LongestRetryAfter)
            asked = LongestRetryAfter;
        return asked > _delays[attemptsMade] ? asked : _delays[attemptsMade];
    }
}
