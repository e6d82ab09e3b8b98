using System.Globalization;

namespace KlingFunctions.ComplianceTests.Fuzzing;

/// <summary>
/// Many attacks, each from its own seed, so that one that finds a fault can be repeated alone. The normal run always has the same seeds;
/// <c>FUZZ_TIMES</c> multiplies their number, <c>FUZZ_SEED</c> chooses others.
/// </summary>
public static class Barrage
{
    private static readonly int Times = Setting("FUZZ_TIMES");
    private static readonly int Seed = Setting("FUZZ_SEED");

    /// <summary>Runs this number of attacks, times <c>FUZZ_TIMES</c>.</summary>
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

    /// <summary>
    /// Bytes that the current thread allocates during the work: a measure that does not depend on the load of the machine.
    /// </summary>
    public static long Allocated(Action work)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static int Setting(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 1;
}
