using System.Globalization;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.RunComfy;
using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>Formats a job for people.</summary>
internal static class JobText
{
    private const int LongestPrompt = 60;
    private const int ShortestPrompt = 10;

    // On a narrower terminal, the time would leave no room for the prompt.
    private const int WidthWithTime = 100;

    /// <summary>A time (UTC).</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A number of bytes.</summary>
    public static string Bytes(long count) => count.ToString("N0", CultureInfo.InvariantCulture) + " bytes";

    /// <summary>The queue position, or the pending issue.</summary>
    public static string? Note(VideoResource job, Hints hints) => job switch
    {
        { Error: { } error } => InFlags(error.Message, job.Id, hints),
        // Warnings of the request have a JSON pointer, or are about the whole request; those of later stages have none.
        { Warnings: var warnings } when warnings.LastOrDefault(w => w.Pointer.Length == 0 && w.Code is not FaultCode.NoReferenceImages) is { } issue => issue.Message,
        { Status: JobStatus.InQueue, Provider.QueuePosition: { } position } => $"position {position}",
        _ => null,
    };

    /// <summary>The job as names and values.</summary>
    public static IEnumerable<(string Name, string Text)> Details(VideoResource job, Hints hints)
    {
        yield return ("Job", job.Id);
        yield return ("Status", JsonWord.Of(job.Status));
        if (job.Error is { } error)
        {
            yield return ("Error", $"{error.Code}: {InFlags(error.Message, job.Id, hints)}");
            foreach (var detail in error.Details ?? []) yield return ("", $"{detail.Pointer} {detail.Message}");
        }
        else if (Note(job, hints) is { } note)
        {
            yield return ("Note", note);
        }
        yield return ("Prompt", Prompt(job));
        if (job.Upload is { } upload) yield return ("Upload", upload);
        yield return ("Created", Time(job.CreatedAt));
        yield return ("Updated", Time(job.UpdatedAt));
        if (job.ExpectedAt is { } expected) yield return ("Expected", Time(expected));
        yield return ("Price", PriceText.Of(job.Price));
        if (job.Cost is { } cost) yield return ("Cost", PriceText.Of(cost.Amount, cost.Currency) + (job.Price?.Source is Price.Simulated ? ", simulated" : ""));
        if (job.Status is JobStatus.Failed or JobStatus.Cancelled) yield return ("Paid", PriceText.Of(job.Paid));
        if (job.Provider is { } provider) yield return ("RunComfy's id", provider.RequestId);
        foreach (var file in job.Outputs)
        {
            yield return ("File", file.Url);
            yield return ("", $"{file.Name}, {file.ContentType}, {Bytes(file.SizeBytes)}, SHA-256 {file.Sha256}");
        }
        foreach (var notification in job.Notifications)
        {
            yield return ("Webhook", $"to {notification.Receiver}: {JsonWord.Of(notification.State)}, tries: {notification.Attempts}");
            if (notification.Reason is { } reason) yield return ("", reason);
            if (notification.NextAttemptAt is { } next) yield return ("", $"The next try is at {Time(next)}.");
        }
        foreach (var (i, verb) in Verbs(job).Index()) yield return (i == 0 ? "Possible now" : "", hints.For($"{verb} {job.Id}"));
    }

    /// <summary>One line for each job: a table on a terminal, and fields with tabs between them for other programs.</summary>
    public static void List(IAnsiConsole console, IReadOnlyList<VideoResource> jobs)
    {
        if (!console.Profile.Out.IsTerminal)
        {
            foreach (var job in jobs) console.Fields(job.Id, JsonWord.Of(job.Status), Time(job.CreatedAt), Title(job));
            return;
        }
        var hasTime = console.Profile.Width >= WidthWithTime;
        string[] names = hasTime ? ["Job", "Status", "Created", "Prompt"] : ["Job", "Status", "Prompt"];
        var table = new Table().Border(TableBorder.Minimal).AddColumns(names);
        foreach (var column in table.Columns) column.NoWrap();
        // Each column has a blank at both sides and a border.
        var others = jobs.Max(job => job.Id.Length) + jobs.Max(job => JsonWord.Of(job.Status).Length) + (hasTime ? Time(default).Length : 0) + (names.Length * 3) + 1;
        var room = Math.Clamp(console.Profile.Width - others, ShortestPrompt, LongestPrompt);
        foreach (var job in jobs)
        {
            var (status, prompt) = (PlainText.Cell(JsonWord.Of(job.Status), Colour(job.Status)), PlainText.Cell(Cut(Title(job), room)));
            if (hasTime) table.AddRow(PlainText.Cell(job.Id), status, PlainText.Cell(Time(job.CreatedAt)), prompt);
            else table.AddRow(PlainText.Cell(job.Id), status, prompt);
        }
        console.Write(table);
    }

    /// <summary>The colour of a status.</summary>
    public static Color Colour(JobStatus status) => status switch
    {
        JobStatus.Succeeded => Color.Green,
        JobStatus.Failed => Color.Red,
        JobStatus.Cancelled => Color.Grey,
        _ => Color.Aqua,
    };

    /// <summary>Replaces JSON in a message of the host with the matching options of the command line.</summary>
    private static string InFlags(string message, string id, Hints hints) => message
        .Replace("{\"request_id\": \"…\"}", $"'{hints.For($"resume {id} --request-id ID")}'", StringComparison.Ordinal)
        .Replace("{\"resubmit\": true}", $"'{hints.For($"resume {id} --resubmit")}'", StringComparison.Ordinal);

    private static IEnumerable<string> Verbs(VideoResource job) =>
        from verb in new[] { ("cancel", "cancel"), ("resume", "resume"), ("redeliver", "redeliver"), ("content", "download") }
        where job.Links.ContainsKey(verb.Item1)
        select verb.Item2;

    /// <summary>The beginning of a text. Letters of Chinese and Japanese, and emoji, are two columns wide.</summary>
    private static string Cut(string text, int columns)
    {
        if (text.GetCellWidth() <= columns) return text;
        var (length, width) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            width += rune.ToString().GetCellWidth();
            if (width > columns - 1) break;
            length += rune.Utf16SequenceLength;
        }
        return text[..length] + "…";
    }

    private static string Title(VideoResource job) => (job.Upload is { } upload ? $"{upload}: " : "") + Prompt(job);

    private static string Prompt(VideoResource job) =>
        job.Request.TryGetProperty("prompt", out var prompt) && prompt.ValueKind is JsonValueKind.String ? prompt.GetString()! : "";
}
