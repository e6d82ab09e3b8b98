using System.CommandLine;

namespace KlingFunctions.Local.Cli;

/// <summary><c>watch</c>: a job on its way to its end.</summary>
internal sealed class WatchCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();
    private readonly Option<string?> _output = new("--output") { Description = "Save the video in this file.", HelpName = "FILE" };

    public WatchCommand(Terminal terminal)
        : base("watch", "Follows a job to its end. Ctrl-C stops watching, not the job.", terminal)
    {
        Arguments.Add(_id);
        Options.Add(_output);
    }

    protected override Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel) =>
        new Watching(deployment, voice, parsed.GetValue(_id)!).ToTheEndAsync(parsed.GetValue(_output), cancel);
}
