using System.Collections.Concurrent;
using System.Diagnostics;

/// <summary>
/// Runs in a host before its Main, since the host is started with this assembly in DOTNET_STARTUP_HOOKS (.NET requires this class name,
/// outside of any namespace). It kills the process at the moment that CHAOS_KILL names, such as <c>Submit.http:stop:1</c>: the first time
/// that an HTTP call of the step Submit is answered, before the answer is processed. The product needs no code for this: the moments are
/// the activities that it and .NET's HTTP client start and stop anyway.
/// </summary>
internal static class StartupHook
{
    public const string Variable = "CHAOS_KILL";

    private const string Steps = "KlingFunctions";
    private const string HttpCalls = "System.Net.Http";

    private static readonly ConcurrentDictionary<string, int> Seen = new();

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } wanted) return;
        ActivitySource.AddActivityListener(new()
        {
            ShouldListenTo = source => source.Name is Steps or HttpCalls,
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStarted = activity => Reached(activity, "start", wanted),
            ActivityStopped = activity => Reached(activity, "stop", wanted),
        });
    }

    private static void Reached(Activity activity, string edge, string wanted)
    {
        var what = activity.Source.Name == Steps ? activity.OperationName : $"{activity.Parent?.OperationName}.http";
        var moment = $"{what}:{edge}";
        if ($"{moment}:{Seen.AddOrUpdate(moment, 1, (_, times) => times + 1)}" == wanted) Process.GetCurrentProcess().Kill();
    }
}
