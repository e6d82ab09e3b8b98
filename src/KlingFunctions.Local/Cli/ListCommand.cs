using System.CommandLine;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>list</c>: the jobs, newest first.</summary>
internal sealed class ListCommand : ClientCommand
{
    private readonly Option<string?> _status = new("--status") { Description = "Only those in this status, such as failed.", HelpName = "STATUS" };
    private readonly Option<string?> _batch = new("--batch") { Description = "Only those of this batch.", HelpName = "BATCH" };
    private readonly Option<string?> _limit = new("--limit") { Description = "At most so many: 1 to 100, 20 by default." };
    private readonly Option<string?> _cursor = new("--cursor") { Description = "Where the page before ended, as it said." };

    public ListCommand(Terminal terminal)
        : base("list", "Lists the jobs, newest first.", terminal)
    {
        _status.CompletionSources.Add(Enum.GetValues<JobStatus>().Select(JsonWord.Of).ToArray());
        RefuseEmpty(_status, _batch, _limit, _cursor);
        Options.Add(_status);
        Options.Add(_batch);
        Options.Add(_limit);
        Options.Add(_cursor);
    }

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        var query = QueryString.Create(
            new[] { ("status", _status), ("batch", _batch), ("limit", _limit), ("cursor", _cursor) }
                .Select(o => KeyValuePair.Create(o.Item1, parsed.GetValue(o.Item2)))
                .Where(o => o.Value is not null));
        var answer = await deployment.GetAsync($"/api/videos{query}", cancellationToken);
        var page = answer.As<VideoPage>();
        commandOutput.Result(answer, console =>
        {
            if (page.Videos.Count > 0) JobText.List(console, page.Videos);
            else commandOutput.Say("No jobs.");
        });
        if (page.NextCursor is { } cursor) commandOutput.Say($"There are more: {commandOutput.Hints.For($"list{Given(_status)}{Given(_batch)}{Given(_limit)} --cursor {cursor}")}");
        return ExitCodes.Success;

        string Given(Option<string?> option) => parsed.GetValue(option) is { } value ? $" {option.Name} {value}" : "";
    }
}
