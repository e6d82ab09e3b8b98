namespace KlingFunctions.Tests.Host;

/// <summary>Kills the app, which starts again at once, where a test says.</summary>
internal sealed class Ambush
{
    private readonly FunctionsHost _host;
    private readonly Func<string, StepMoment, bool> _isHere;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private int _left;

    private Ambush(FunctionsHost host, int kills, Func<string, StepMoment, bool> isHere) => (_host, _left, _isHere) = (host, kills, isHere);

    /// <summary>Completes when the last kill is over, and fails if the app did not come up again.</summary>
    public Task Over => _over.Task;

    /// <summary>Lays it: from now on the app is killed so many times, wherever the test says that it is the place.</summary>
    /// <param name="host">The app's host.</param>
    /// <param name="kills">How many times.</param>
    /// <param name="isHere">Asked at each moment, one after the other.</param>
    public static Ambush Lay(FunctionsHost host, int kills, Func<string, StepMoment, bool> isHere)
    {
        var ambush = new Ambush(host, kills, isHere);
        host.Backend.AtStep = ambush.PassAsync;
        return ambush;
    }

    private async Task PassAsync(string name, StepMoment moment)
    {
        bool isLast;
        lock (_lock)
        {
            if (_left == 0 || !_isHere(name, moment)) return;
            isLast = --_left == 0;
        }
        try
        {
            await _host.KillAsync();
            if (isLast) _over.TrySetResult();
        }
        catch (Exception e)
        {
            _over.TrySetException(e);
        }
    }
}
