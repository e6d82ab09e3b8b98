namespace KlingFunctions.Contracts.Stores;

internal static class Callers
{
    /// <summary>Lets many call at once; how many were granted what they asked for.</summary>
    public static async Task<int> CountAsync(int callers, Func<int, Task<bool>> call) =>
        (await Task.WhenAll(Enumerable.Range(0, callers).Select(i => Task.Run(() => call(i))))).Count(granted => granted);
}
