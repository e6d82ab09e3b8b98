using System.Globalization;
using KlingFunctions.Benchmarks.Polls;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// Durable's messages for a job of three minutes, with the learned plan of polls and without it. The formulas are those of docs/cost.md,
/// which tests compare with recorded histories.
/// </summary>
internal static class HistoryBenchmark
{
    private const int Receivers = 1;
    private const int BlobOperations = 13;

    /// <summary>Prints a table; returns the messages as a share of those without learning.</summary>
    public static double Run()
    {
        var polls = PollsBenchmark.PollsOf(median: 180);
        var (before, now) = (Of(39, 38, BlobOperations - 1), Of(polls, polls, BlobOperations));
        Console.WriteLine("a job of three minutes      before     now   share");
        foreach (var name in before.Keys)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24} {before[name],9:F0} {now[name],7:F0}  {now[name] / before[name],6:F2}"));
        return now["messages"] / before["messages"];
    }

    private static Dictionary<string, double> Of(double polls, double timers, int blobOperations)
    {
        var (activities, instances) = (polls + 4 + (2 * Receivers), 1 + Receivers);
        var turns = activities + timers + instances;
        var messages = (2 * activities) + timers + instances;
        return new()
        {
            ["polls"] = polls,
            ["activities"] = activities,
            ["turns"] = turns,
            ["messages"] = messages,
            ["storage requests"] = (3 * messages) + (3 * turns) + (3 * instances) + 3 + Receivers + blobOperations,
            ["events of its history"] = (4 * (polls + 4 + Receivers + timers)) + 4,
        };
    }
}
