namespace KlingFunctions.ComplianceTests.Stores;

internal static class Callers
{
    /// <summary>Makes many simultaneous calls; returns how many were granted.</summary>
    public static async Task<int> CountAsync(int callers, Func<int, Task<bool>> call) =>
        (await Task.WhenAll(Enumerable.Range(0, callers).Select(i => Task.Run(() => call(i))))).Count(granted => granted);
}
