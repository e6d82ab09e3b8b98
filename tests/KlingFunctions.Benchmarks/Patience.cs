using System.Diagnostics;

namespace KlingFunctions.Benchmarks;

/// <summary>Waits with a time limit, so that a failed benchmark reports an error instead of running for ever.</summary>
internal static class Patience
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Returns once the condition holds.</summary>
    /// <exception cref="TimeoutException">The condition does not hold within two minutes.</exception>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (clock.Elapsed > Limit) throw new TimeoutException($"Not within {Limit.TotalMinutes} minutes: {what}.");
            await Task.Delay(5);
        }
    }
}
