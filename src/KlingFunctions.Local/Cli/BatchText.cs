using System.Globalization;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>Formats a batch for people.</summary>
internal static class BatchText
{
    /// <summary>The batch as names and values.</summary>
    public static IEnumerable<(string Name, string Text)> Details(BatchResource batch)
    {
        yield return ("Batch", batch.Id);
        yield return ("Status", JsonWord.Of(batch.Status));
        yield return ("Created", JobText.Time(batch.CreatedAt));
        yield return ("Requests", Number(batch.Total));
        if (batch.Accepted is { } accepted) yield return ("Accepted", Number(accepted));
        if (batch.Refused is { } refused) yield return ("Refused", Number(refused));
        if (batch.Running is { } running) yield return ("Running", Number(running));
        yield return ("Succeeded", Number(batch.Succeeded));
        yield return ("Failed", Number(batch.Failed));
        yield return ("Cancelled", Number(batch.Cancelled));
    }

    /// <summary>The batch on one line.</summary>
    public static string Line(BatchResource batch) => string.Create(
        CultureInfo.InvariantCulture, $"{batch.Running ?? batch.Total} running, {batch.Succeeded} succeeded, {batch.Failed} failed, {batch.Cancelled} cancelled");

    private static string Number(int number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
