using System.CommandLine;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary><c>list</c>: the jobs, newest first.</summary>
internal sealed class ListCommand : ClientCommand
{
    private readonly Option<string?> _status = new("--status") { Description = "Only those in this status, such as failed." };
    private readonly Option<string?> _limit = new("--limit") { Description = "At most so many: 1 to 100, 20 by default." };
    private readonly Option<string?> _cursor = new("--cursor") { Description = "Where the page before ended, as it said." };

    public ListCommand(Terminal terminal)
        : base("list", "Lists the jobs, newest first.", terminal)
    {
        Options.Add(_status);
        Options.Add(_limit);
        Options.Add(_cursor);
    }

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var query = QueryString.Create(
            new[] { ("status", _status), ("limit", _limit), ("cursor", _cursor) }
                .Select(o => KeyValuePair.Create(o.Item1, parsed.GetValue(o.Item2)))
                .Where(o => o.Value is not null));
        var answer = await deployment.GetAsync($"/api/videos{query}", cancel);
        var page = answer.As<VideoPage>();
        voice.Result(answer, console =>
        {
            if (page.Videos.Count > 0) console.Write(JobText.List(page.Videos));
            else console.Say("No jobs.");
        });
        if (page.NextCursor is { } cursor) voice.Say($"There are more: --cursor {cursor}");
        return ExitCodes.Success;
    }
}
