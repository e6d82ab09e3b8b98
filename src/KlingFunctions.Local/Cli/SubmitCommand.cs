using System.CommandLine;
using System.Net;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>submit</c>: hands a request in, and follows it if wanted.</summary>
internal sealed class SubmitCommand : ClientCommand
{
    /// <summary>What a submission costs. RunComfy publishes no price for this model; others ask 0.42 to 1.12 US dollars for it.</summary>
    public const string Price = "about a dollar at RunComfy";

    private readonly RequestOptions _request = new();
    private readonly Option<bool> _watch = new("--watch") { Description = "Follow the job to its end." };
    private readonly Option<string?> _output = new("--output") { Description = "Follow the job, and save the video in this file.", HelpName = "FILE" };

    private readonly Option<string?> _idempotencyKey = new("--idempotency-key")
    {
        Description = "Any text of yours: the same key with the same request is the same job, paid once. By default a new UUID.",
        HelpName = "KEY",
    };

    public SubmitCommand(Terminal terminal)
        : base("submit", $"Hands a request in. It costs money ({Price}); 'validate' checks the same request for free.", terminal)
    {
        _request.AddTo(this);
        Options.Add(_idempotencyKey);
        Options.Add(_watch);
        Options.Add(_output);
    }

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var body = await _request.ReadAsync(parsed, voice, cancel);
        var output = parsed.GetValue(_output);
        if (output is not null && Download.FaultOf(output) is { } fault) throw new ExitException(ExitCodes.CantCreate, $"{fault} Nothing was submitted.");

        voice.Say($"A submission costs money ({Price}).");
        var answer = await PostAsync(deployment, voice, body, parsed.GetValue(_idempotencyKey) ?? Guid.NewGuid().ToString(), cancel);
        var job = answer.As<VideoResource>();
        if (job.Warnings.Count > 0)
        {
            voice.Say("Warnings:");
            voice.Faults(job.Warnings);
        }
        if (output is not null || parsed.GetValue(_watch))
        {
            voice.Say($"{job.Id} is {JsonWord.Of(job.Status)}.");
            return await new Watching(deployment, voice, job.Id).ToTheEndAsync(output, cancel);
        }
        voice.Result(answer, console => console.Say(job.Id));
        voice.Say($"It is {JsonWord.Of(job.Status)}: 'watch {job.Id}' follows it to its end.");
        return ExitCodes.Success;
    }

    private static async Task<Answer> PostAsync(Deployment deployment, Voice voice, byte[] body, string key, CancellationToken cancel)
    {
        try
        {
            return await deployment.PostAsync("/api/videos", body, cancel, key);
        }
        catch (Exception e) when (e is ExitException or OperationCanceledException or RefusedException { Status: >= HttpStatusCode.InternalServerError })
        {
            voice.Say($"Should it have arrived all the same: with --idempotency-key {key} the same command never makes a second job.");
            throw;
        }
    }
}
