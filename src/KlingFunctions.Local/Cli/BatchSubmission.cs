using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary>Submits many requests in one call, and reports the result of each.</summary>
internal sealed class BatchSubmission(Deployment deployment, CommandOutput commandOutput)
{
    /// <summary>Submits them; returns the exit code and the batch.</summary>
    public async Task<(int ExitCode, BatchResource Batch)> SendAsync(byte[] body, string key, bool isWatched, CancellationToken cancellationToken)
    {
        var advice = $"Some requests may have arrived: the same command with --idempotency-key {key} sends the rest, and makes no job twice.";
        var answer = await SubmitCommand.PostAsync(deployment, commandOutput, "/api/videos/batch", body, key, advice, cancellationToken);
        var sent = answer.As<BatchAnswer>();
        foreach (var item in sent.Items)
        {
            if (item.Problem is { } problem)
            {
                commandOutput.Say($"Request {item.Index + 1}: {(problem.Errors is { Count: > 0 } ? problem.Title : problem.Detail)}");
                if (problem.Errors is { Count: > 0 } faults) commandOutput.Faults(faults);
            }
            else if (item.Warnings is { } warnings)
            {
                commandOutput.Say($"Request {item.Index + 1}, warnings:");
                commandOutput.Faults(warnings);
            }
        }
        var refused = sent.Items.Where(item => item.Problem is not null).ToList();
        commandOutput.Say($"{sent.Items.Count} requests: {sent.Items.Count - refused.Count} accepted, {refused.Count} refused.");
        if (!isWatched)
        {
            commandOutput.Result(answer, console => console.Say(sent.Batch.Id));
            if (sent.Items.Count > refused.Count) commandOutput.Say($"Follow them with: {commandOutput.Hints.For($"watch {sent.Batch.Id}")}");
        }
        var exitCode = refused switch
        {
            [] => ExitCodes.Success,
            _ when refused.All(item => item.Problem!.Code is ProblemCode.DailyCapReached) => ExitCodes.TryLater,
            _ => ExitCodes.BadData,
        };
        if (exitCode is ExitCodes.TryLater) commandOutput.Say($"The day is full. Tomorrow (UTC) the same command with --idempotency-key {key} sends the rest.");
        return (exitCode, sent.Batch);
    }
}
