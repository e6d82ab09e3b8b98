using System.CommandLine;
using System.Net;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>submit</c>: submits a request, and watches its job if asked to.</summary>
internal sealed class SubmitCommand : ClientCommand
{
    private readonly RequestOptions _request = new();
    private readonly Option<string?> _batch = new("--batch")
    {
        Description = "Many requests, 1,000 at most, from a file or from stdin (-): a JSON array, or one request a line.",
        HelpName = "FILE|-",
    };

    private readonly Option<bool> _watch = new("--watch") { Description = "Follow the job to its end." };
    private readonly Option<string?> _output = new("--output") { Description = "Follow the job, and save the video in this file.", HelpName = "FILE" };

    private readonly Option<string?> _idempotencyKey = new("--idempotency-key")
    {
        Description = "Any text of yours: the same key with the same request is the same job, paid once. By default a new UUID.",
        HelpName = "KEY",
    };

    public SubmitCommand(Terminal terminal)
        : base("submit", "Submits a request. It costs money, unless the host simulates RunComfy; 'validate' checks the same request for free, and shows the price.", terminal)
    {
        _request.AddTo(this, instead: _batch);
        RefuseEmpty(_batch, _idempotencyKey);
        Options.Add(_batch);
        Options.Add(_idempotencyKey);
        Options.Add(_watch);
        Options.Add(_output);
        Validators.Add(result =>
        {
            if (result.GetResult(_batch) is not null && result.GetResult(_output) is not null) result.AddError("--output saves one video: leave it out with --batch.");
        });
    }

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_batch) is { } file) return await SubmitBatchAsync(file, deployment, commandOutput, parsed, cancellationToken);
        var body = await _request.ReadAsync(parsed, deployment, commandOutput, cancellationToken);
        var output = parsed.GetValue(_output);
        if (output is not null && Download.FaultOf(output) is { } fault) throw new ExitException(ExitCodes.CantCreate, $"{fault} Nothing was submitted.");

        var key = parsed.GetValue(_idempotencyKey) ?? Guid.NewGuid().ToString();
        var advice = $"It may have arrived: the same command with --idempotency-key {key} never makes a second job.";
        var answer = await PostAsync(deployment, commandOutput, "/api/videos", body, key, advice, cancellationToken);
        var job = answer.As<VideoResource>();
        commandOutput.Say($"Price: {PriceText.Of(job.Price)}.");
        if (job.Warnings.Count > 0)
        {
            commandOutput.Say("Warnings:");
            commandOutput.Faults(job.Warnings);
        }
        if (output is not null || parsed.GetValue(_watch))
        {
            commandOutput.Say($"{job.Id} is {JsonWord.Of(job.Status)}.");
            return await new Watching(deployment, commandOutput, job.Id).ToTheEndAsync(output, cancellationToken);
        }
        commandOutput.Result(answer, console => console.Say(job.Id));
        commandOutput.Say($"It is {JsonWord.Of(job.Status)}. Follow it with: {commandOutput.Hints.For($"watch {job.Id}")}");
        return ExitCodes.Success;
    }

    private async Task<int> SubmitBatchAsync(string file, Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        var body = await RequestOptions.ReadAsync(file, commandOutput, cancellationToken);
        var (key, isWatched) = (parsed.GetValue(_idempotencyKey) ?? Guid.NewGuid().ToString(), parsed.GetValue(_watch));
        var (exitCode, batch) = await new BatchSubmission(deployment, commandOutput).SendAsync(body, key, isWatched, cancellationToken);
        if (!isWatched || batch.Accepted == 0) return exitCode;
        commandOutput.Say($"{batch.Id} is {JsonWord.Of(batch.Status)}.");
        var ended = await new BatchWatching(deployment, commandOutput, batch.Id).ToTheEndAsync(cancellationToken);
        return ended is ExitCodes.Success ? exitCode : ended;
    }

    /// <summary>Sends a paid call. If its answer is lost, <paramref name="advice"/> says how to repeat the command without paying twice.</summary>
    internal static async Task<Answer> PostAsync(
        Deployment deployment, CommandOutput commandOutput, string path, byte[] body, string key, string advice, CancellationToken cancellationToken)
    {
        try
        {
            return await deployment.PostAsync(path, body, cancellationToken, key);
        }
        catch (Exception e) when (e is ExitException or OperationCanceledException or RefusedException { Status: >= HttpStatusCode.InternalServerError })
        {
            commandOutput.Say(advice);
            throw;
        }
    }
}
