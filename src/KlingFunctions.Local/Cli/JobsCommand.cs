using System.CommandLine;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>A verb for one job, for several, or for all that match filters.</summary>
internal abstract class JobsCommand : ClientCommand
{
    private readonly string _action;
    private readonly Argument<string[]> _ids = JobIds();
    private readonly Option<string?> _batch = new("--batch") { Description = "All jobs of this batch.", HelpName = "BATCH" };
    private readonly Option<string?> _status = new("--status") { Description = "All jobs in this status, such as failed; with --batch: those of the batch.", HelpName = "STATUS" };

    /// <param name="name">The verb, which is also the name of its route.</param>
    /// <param name="description">The verb's help text.</param>
    /// <param name="terminal">The terminal.</param>
    protected JobsCommand(string name, string description, Terminal terminal)
        : base(name, description, terminal)
    {
        _action = $"/{name}";
        _status.CompletionSources.Add(Enum.GetValues<JobStatus>().Select(JsonWord.Of).ToArray());
        RefuseEmpty(_batch, _status);
        Arguments.Add(_ids);
        Options.Add(_batch);
        Options.Add(_status);
        Validators.Add(result =>
        {
            var (hasIds, hasFilter) = (result.GetValue(_ids) is { Length: > 0 }, result.GetResult(_batch) is not null || result.GetResult(_status) is not null);
            if (hasIds == hasFilter) result.AddError("Give the ids of jobs, or select jobs with --batch or --status.");
        });
    }

    /// <summary>The only id; null if the arguments may select several jobs.</summary>
    protected string? OnlyIdOf(System.CommandLine.Parsing.CommandResult result) => result.GetValue(_ids) is [var id] ? id : null;

    /// <summary>The body of the call for one job.</summary>
    protected virtual byte[]? BodyOf(ParseResult parsed) => null;

    /// <summary>The sentence for one accepted job.</summary>
    protected abstract string Accepted(string id, Hints hints);

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_ids) is [var only])
        {
            var one = await deployment.PostAsync(PathOf(only, _action), BodyOf(parsed), cancellationToken);
            commandOutput.Result(one, console => console.Say(Accepted(only, commandOutput.Hints)));
            return ExitCodes.Success;
        }
        var (done, refused) = (0, 0);
        foreach (var ids in IdsOf(parsed))
        {
            string? cursor = null;
            do
            {
                var request = new BulkRequest(ids, parsed.GetValue(_status), parsed.GetValue(_batch), Cursor: cursor);
                var answer = await deployment.PostAsync($"/api/videos{_action}", JsonSerializer.SerializeToUtf8Bytes(request, PipelineJson.Default.BulkRequest), cancellationToken);
                var bulk = answer.As<BulkAnswer>();
                commandOutput.Result(answer, console =>
                {
                    foreach (var video in bulk.Videos) console.Say($"{video.Id}  {(video.Problem is { } problem ? InCommands(problem.Detail, commandOutput.Hints) : JsonWord.Of(video.Status!.Value))}");
                });
                done += bulk.Videos.Count(video => video.Problem is null);
                refused += bulk.Videos.Count(video => video.Problem is not null);
                cursor = bulk.NextCursor;
            }
            while (cursor is not null);
        }
        commandOutput.Say(done + refused == 0 ? "No job matches." : $"{Name}: {done} accepted, {refused} refused.");
        return refused == 0 ? ExitCodes.Success : ExitCodes.BadData;
    }

    /// <summary>The ids, in groups as large as the host accepts; a single null if filters are given.</summary>
    private IEnumerable<IReadOnlyList<string>?> IdsOf(ParseResult parsed) =>
        parsed.GetValue(_ids) is { Length: > 0 } ids ? ids.Chunk(ManyJobs.Most) : (IReadOnlyList<string>?[])[null];
}
