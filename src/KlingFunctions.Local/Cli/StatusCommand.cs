using System.CommandLine;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>status</c>: a job as it stands.</summary>
internal sealed class StatusCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();

    public StatusCommand(Terminal terminal)
        : base("status", "Shows a job as it stands.", terminal) => Arguments.Add(_id);

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var answer = await deployment.GetAsync(PathOf(parsed.GetValue(_id)!), cancel);
        voice.Result(answer, console => console.Facts(JobText.Details(answer.As<VideoResource>())));
        return ExitCodes.Success;
    }
}
