using System.Globalization;
using KlingFunctions.Benchmarks;
using KlingFunctions.Benchmarks.Engine;
using KlingFunctions.Benchmarks.History;
using KlingFunctions.Benchmarks.Polls;

var benchmarks = new Dictionary<string, Func<Task<double>>>
{
    ["polls"] = () => Task.FromResult(PollsBenchmark.Run()),
    ["history"] = HistoryBenchmark.RunAsync,
    ["places"] = PlacesBenchmark.RunAsync,
    ["jobs"] = JobsBenchmark.RunAsync,
    ["engine"] = EngineBenchmark.RunAsync,
    ["waiting"] = WaitingBenchmark.RunAsync,
    ["start"] = StartBenchmark.RunAsync,
    ["delay"] = DelayBenchmark.RunAsync,
};

if (args is [JobsBenchmark.BareLoop, var runComfy, var webhook, var directory])
{
    await JobsBenchmark.RunBareAsync(new(runComfy), new(webhook), directory);
    return 0;
}
if (args is [LocalEngine.Argument, var journal])
{
    await LocalEngine.RunAsync(journal);
    return 0;
}
if (args is [BareLoop.Argument])
{
    await BareLoop.RunAsync();
    return 0;
}
if (args is not [var name] || !benchmarks.TryGetValue(name, out var benchmark))
{
    await Console.Error.WriteLineAsync($"Usage: dotnet run -c Release --project tests/KlingFunctions.Benchmarks -- {string.Join('|', benchmarks.Keys)}");
    return 64;
}
var ratio = await benchmark();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {ratio:F2}"));
return 0;
