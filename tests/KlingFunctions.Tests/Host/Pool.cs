using System.Collections.Concurrent;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// Hosts that tests use in turn. They are few, since a start costs more CPU time than most tests: a test waits until one is free.
/// </summary>
/// <param name="most">The number of hosts.</param>
internal sealed class Pool<T>(int most) : IDisposable where T : class
{
    private readonly ConcurrentBag<T> _free = [];
    private readonly SemaphoreSlim _places = new(most);

    /// <summary>The hosts that no test uses now.</summary>
    public IEnumerable<T> Free => _free;

    /// <summary>A host that nobody else uses: a free one, or a new one.</summary>
    public async Task<T> RentAsync(Func<Task<T>> start)
    {
        await _places.WaitAsync();
        if (_free.TryTake(out var host)) return host;
        try
        {
            return await start();
        }
        catch
        {
            GiveBack(null);
            throw;
        }
    }

    /// <param name="host">The host; null if it can't be used again.</param>
    public void GiveBack(T? host)
    {
        if (host is not null) _free.Add(host);
        _places.Release();
    }

    public void Dispose() => _places.Dispose();
}
