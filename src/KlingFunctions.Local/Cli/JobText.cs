using System.Globalization;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>A job in words.</summary>
internal static class JobText
{
    private const int LongestPrompt = 60;

    /// <summary>A time (UTC).</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A number of bytes.</summary>
    public static string Bytes(long count) => count.ToString("N0", CultureInfo.InvariantCulture) + " bytes";

    /// <summary>What goes on beside the status: the place in the queue, or what is being waited out.</summary>
    public static string? Note(VideoResource job) => job switch
    {
        { Error: { } error } => InFlags(error.Message, job.Id),
        // The reader's warnings point at something; what comes up on the way does not.
        { Warnings: var warnings } when warnings.LastOrDefault(w => w.Pointer.Length == 0) is { } attention => attention.Message,
        { Status: JobStatus.InQueue, Provider.QueuePosition: { } position } => $"position {position}",
        _ => null,
    };

    /// <summary>Everything worth knowing, by name.</summary>
    public static IEnumerable<(string Name, string Text)> Details(VideoResource job)
    {
        yield return ("Job", job.Id);
        yield return ("Status", JsonWord.Of(job.Status));
        if (job.Error is { } error)
        {
            yield return ("Error", $"{error.Code}: {InFlags(error.Message, job.Id)}");
            foreach (var detail in error.Details ?? []) yield return ("", $"{detail.Pointer} {detail.Message}");
        }
        else if (Note(job) is { } note)
        {
            yield return ("Note", note);
        }
        yield return ("Prompt", Prompt(job));
        if (job.Upload is { } upload) yield return ("Upload", upload);
        yield return ("Created", Time(job.CreatedAt));
        yield return ("Updated", Time(job.UpdatedAt));
        if (job.Provider is { } provider) yield return ("RunComfy's id", provider.RequestId);
        foreach (var file in job.Outputs)
        {
            yield return ("File", file.Url);
            yield return ("", $"{file.Name}, {file.ContentType}, {Bytes(file.SizeBytes)}, SHA-256 {file.Sha256}");
        }
        foreach (var told in job.Notifications)
        {
            yield return ("Webhook", $"to {told.Receiver}: {JsonWord.Of(told.State)}, tries: {told.Attempts}");
            if (told.Reason is { } reason) yield return ("", reason);
            if (told.NextAttemptAt is { } next) yield return ("", $"The next try is at {Time(next)}.");
        }
        if (string.Join(", ", job.Links.Keys.Where(name => name is "cancel" or "resume" or "redeliver")) is { Length: > 0 } verbs)
            yield return ("Possible now", verbs);
    }

    /// <summary>One line for each job.</summary>
    public static Table List(IReadOnlyList<VideoResource> jobs)
    {
        var table = new Table().Border(TableBorder.Minimal).AddColumns("Job", "Status", "Created", "Prompt");
        foreach (var column in table.Columns.Take(3)) column.NoWrap();
        foreach (var job in jobs)
        {
            var prompt = (job.Upload is { } upload ? $"{upload}: " : "") + Prompt(job);
            table.AddRow(
                PlainText.Cell(job.Id), PlainText.Cell(JsonWord.Of(job.Status), Colour(job.Status)), PlainText.Cell(Time(job.CreatedAt)),
                PlainText.Cell(prompt.Length > LongestPrompt ? prompt[..LongestPrompt] + "…" : prompt));
        }
        return table;
    }

    /// <summary>The colour of a status.</summary>
    public static Color Colour(JobStatus status) => status switch
    {
        JobStatus.Succeeded => Color.Green,
        JobStatus.Failed => Color.Red,
        JobStatus.Cancelled => Color.Grey,
        _ => Color.Aqua,
    };

    /// <summary>A message that tells a caller what to send, as what to type.</summary>
    private static string InFlags(string message, string id) => message
        .Replace("{\"request_id\": \"…\"}", $"'resume {id} --request-id ID'", StringComparison.Ordinal)
        .Replace("{\"resubmit\": true}", $"'resume {id} --resubmit'", StringComparison.Ordinal);

    private static string Prompt(VideoResource job) =>
        job.Request.TryGetProperty("prompt", out var prompt) && prompt.ValueKind is JsonValueKind.String ? prompt.GetString()! : "";
}
