using System.CommandLine;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>resume</c>: lets a failed job go on.</summary>
internal sealed class ResumeCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();

    private readonly Option<string?> _requestId = new("--request-id")
    {
        Description = "For a submission in doubt: RunComfy's id of the request, from its Generations page.",
    };

    private readonly Option<bool> _resubmit = new("--resubmit")
    {
        Description = $"For a submission in doubt: submit anew. It costs money again ({SubmitCommand.Price}).",
    };

    public ResumeCommand(Terminal terminal)
        : base("resume", "Lets a failed job go on from where it failed.", terminal)
    {
        Arguments.Add(_id);
        Options.Add(_requestId);
        Options.Add(_resubmit);
        Validators.Add(result =>
        {
            if (result.GetResult(_requestId) is not null && result.GetValue(_resubmit))
                result.AddError("--request-id goes on with a request that is there, --resubmit makes a new one: give one of them.");
        });
    }

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var id = parsed.GetValue(_id)!;
        var wish = new ResumeWish(parsed.GetValue(_requestId), parsed.GetValue(_resubmit));
        var body = JsonSerializer.SerializeToUtf8Bytes(wish, PipelineJson.Default.ResumeWish);
        var answer = await deployment.PostAsync(PathOf(id, "/resume"), body, cancel);
        voice.Result(answer, console => console.Say($"{id} goes on. 'watch {id}' follows it to its end."));
        return ExitCodes.Success;
    }
}
