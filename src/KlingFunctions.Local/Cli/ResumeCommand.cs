using System.CommandLine;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Local.Cli;

/// <summary><c>resume</c>: continues failed jobs.</summary>
internal sealed class ResumeCommand : JobsCommand
{
    private readonly Option<string?> _requestId = new("--request-id")
    {
        Description = "For a submission in doubt: RunComfy's id of the request, from its Generations page.",
    };

    private readonly Option<bool> _resubmit = new("--resubmit")
    {
        Description = "For a submission in doubt: submit again. It costs money again.",
    };

    public ResumeCommand(Terminal terminal)
        : base("resume", "Continues failed jobs from where they failed.", terminal)
    {
        Options.Add(_requestId);
        Options.Add(_resubmit);
        Validators.Add(result =>
        {
            var (hasRequestId, resubmits) = (result.GetResult(_requestId) is not null, result.GetValue(_resubmit));
            if (hasRequestId && resubmits)
                result.AddError("--request-id continues an existing request, --resubmit makes a new one: give one of them.");
            else if ((hasRequestId || resubmits) && OnlyIdOf(result) is null)
                result.AddError("--request-id and --resubmit decide on one job in doubt: give its id alone.");
        });
    }

    protected override byte[] BodyOf(ParseResult parsed) => JsonSerializer.SerializeToUtf8Bytes(
        new ResumeRequest(parsed.GetValue(_requestId), parsed.GetValue(_resubmit)), PipelineJson.Default.ResumeRequest);

    protected override string Accepted(string id, Hints hints) => $"{id} goes on. Follow it with: {hints.For($"watch {id}")}";
}
