using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Pipeline.Tests.Fakes;

internal sealed class InMemoryQuota : IQuota
{
    private readonly Lock _lock = new();
    private readonly HashSet<(DateOnly Day, string Job)> _days = [];
    private readonly HashSet<string> _inFlight = [];

    public Task<bool> TryTakeDayAsync(string jobId, DateOnly day, int cap, CancellationToken cancel) =>
        Task.FromResult(Take(_days, (day, jobId), cap, _days.Count(d => d.Day == day)));

    public Task<bool> TryEnterAsync(string jobId, int cap, CancellationToken cancel) => Task.FromResult(Take(_inFlight, jobId, cap, _inFlight.Count));

    public Task LeaveAsync(string jobId, CancellationToken cancel)
    {
        lock (_lock) _inFlight.Remove(jobId);
        return Task.CompletedTask;
    }

    private bool Take<T>(HashSet<T> places, T place, int cap, int taken)
    {
        lock (_lock) return places.Contains(place) || (taken < cap && places.Add(place));
    }
}
