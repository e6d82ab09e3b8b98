using System.Globalization;
using KlingFunctions.Benchmarks.Polls;

namespace KlingFunctions.Benchmarks.History;

/// <summary>
/// Durable's messages for a job of three minutes, with the learned plan of polls and without it: by the formulas of docs/cost.md, and counted
/// between the Functions app and Azurite.
/// </summary>
internal static class HistoryBenchmark
{
    private const int Receivers = 1;
    private const int BlobOperations = 13;
    private const int PollsBefore = 39;

    /// <summary>Prints two tables; returns the counted messages as a share of those without learning.</summary>
    public static async Task<double> RunAsync()
    {
        var polls = PollsBenchmark.PollsOf(median: 180);
        var (before, now) = (Of(PollsBefore, PollsBefore - 1, BlobOperations - 1), Of(polls, polls, BlobOperations));
        Console.WriteLine("a job of three minutes      before     now   share");
        foreach (var name in before.Keys)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24} {before[name],9:F0} {now[name],7:F0}  {now[name] / before[name],6:F2}"));

        await using var app = await CountedApp.StartAsync();
        // The first job creates what later ones find: it is not counted.
        await app.RunAsync(polls: 2);
        var counted = await app.RunAsync((int)Math.Round(polls));
        Print(counted);
        Print(await app.RunAsync(PollsBefore));
        return counted.Messages / before["messages"];
    }

    private static void Print(CountedJob job)
    {
        Console.WriteLine();
        Console.WriteLine("one job on Azurite       formulas counted");
        var formulas = Of(job.Polls, job.Timers, BlobOperations);
        foreach (var (name, count) in Counts(job))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24} {formulas[name],8:F0} {count,7}"));
    }

    private static Dictionary<string, int> Counts(CountedJob job) => new()
    {
        ["polls"] = job.Polls,
        ["timers"] = job.Timers,
        ["messages"] = job.Messages,
        ["queue requests"] = job.Count(StorageService.Queue),
        ["table requests"] = job.Count(StorageService.Table),
        ["blob requests"] = job.Count(StorageService.Blob),
        ["storage requests"] = job.Requests.Count,
        ["events of its history"] = job.Events,
    };

    private static Dictionary<string, double> Of(double polls, double timers, int blobOperations)
    {
        var (activities, instances) = (polls + 4 + (2 * Receivers), 1 + Receivers);
        var turns = activities + timers + instances;
        var messages = (2 * activities) + timers + instances;
        var (queue, table) = (3 * messages, (3 * turns) + (3 * instances) + 3);
        return new()
        {
            ["polls"] = polls,
            ["timers"] = timers,
            ["activities"] = activities,
            ["turns"] = turns,
            ["messages"] = messages,
            ["queue requests"] = queue,
            ["table requests"] = table,
            ["blob requests"] = blobOperations,
            ["storage requests"] = queue + table + blobOperations,
            ["events of its history"] = (4 * (polls + 4 + Receivers + timers)) + 4,
        };
    }
}
