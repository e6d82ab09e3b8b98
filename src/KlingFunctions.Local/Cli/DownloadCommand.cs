using System.CommandLine;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Local.Cli;

/// <summary><c>download</c>: saves the video of a job, or another file of its result.</summary>
internal sealed class DownloadCommand : ClientCommand
{
    private readonly Argument<string> _id = JobId();
    private readonly Option<string?> _output = new("--output") { Description = "Save it in this file (default: the job's id, in this folder).", HelpName = "FILE" };
    private readonly Option<string?> _name = new("--name") { Description = "Another file of the result, by the name that 'status' shows." };

    public DownloadCommand(Terminal terminal)
        : base("download", "Saves the video of a job that has succeeded. An interrupted download continues where it stopped.", terminal)
    {
        Arguments.Add(_id);
        Options.Add(_output);
        Options.Add(_name);
    }

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        var answer = await deployment.GetAsync(PathOf(parsed.GetValue(_id)!), cancellationToken);
        var job = answer.As<VideoResource>();
        var video = Find(job, parsed.GetValue(_name), commandOutput.Hints);
        var file = parsed.GetValue(_output) ?? DefaultFile(job, video);
        if (Download.FaultOf(file) is { } fault) throw new ExitException(ExitCodes.CantCreate, fault);
        await new Download(deployment, commandOutput.Time).ToFileAsync(job.Id, video, file, cancellationToken);
        commandOutput.Result(answer, console => console.Say(Path.GetFullPath(file)));
        return ExitCodes.Success;
    }

    private static VideoFile Find(VideoResource job, string? name, Hints hints)
    {
        if (job is { Status: <= JobStatus.Storing })
        {
            throw new ExitException(
                ExitCodes.TryLater, $"There is no video yet: the job is {JsonWord.Of(job.Status)}. Follow it with: {hints.For($"watch {job.Id}")}");
        }
        if (job.Video is null)
            throw new ExitException(ExitCodes.BadData, $"There is no video: the job is {JsonWord.Of(job.Status)}. See why with: {hints.For($"status {job.Id}")}");
        return name is null ? job.Video : Download.FileOf(job, name);
    }

    private static string DefaultFile(VideoResource job, VideoFile file) =>
        (file == job.Video ? job.Id : $"{job.Id}-{file.Name}") + MediaFormat.ExtensionOf(file.ContentType);
}
