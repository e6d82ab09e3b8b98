using System.Globalization;

namespace KlingFunctions.Contracts.Fuzzing;

/// <summary>
/// Many attacks, each drawn from a seed of its own, so that one that finds something can be made again alone. The normal run is always the
/// same one; <c>FUZZ_TIMES</c> makes it so many times longer, <c>FUZZ_SEED</c> makes it another one.
/// </summary>
public static class Barrage
{
    private static readonly int Times = Setting("FUZZ_TIMES");
    private static readonly int Seed = Setting("FUZZ_SEED");

    /// <summary>Runs so many attacks, or so many times more.</summary>
    public static async Task RunAsync(int usual, Func<Random, Task> attack)
    {
        for (var number = 0; number < usual * Times; number++)
        {
            try
            {
                await attack(new Random(unchecked((Seed * 1_000_003) + number)));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Attack {number} of seed {Seed} found something: {e.Message}", e);
            }
        }
    }

    /// <inheritdoc cref="RunAsync"/>
    public static void Run(int usual, Action<Random> attack) => RunAsync(usual, random =>
    {
        attack(random);
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    /// <summary>Bytes that the current thread allocates meanwhile: a bound that no busy machine can upset.</summary>
    public static long Allocated(Action work)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static int Setting(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 1;
}
