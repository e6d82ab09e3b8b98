using System.CommandLine;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary><c>validate</c>: makes every check of <c>submit</c>, without a submission.</summary>
internal sealed class ValidateCommand : ClientCommand
{
    private readonly RequestOptions _request = new();

    public ValidateCommand(Terminal terminal)
        : base("validate", "Checks a request as 'submit' would, its images too, and submits nothing: free.", terminal) => _request.AddTo(this);

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        var answer = await deployment.PostAsync("/api/videos/validate", await _request.ReadAsync(parsed, deployment, commandOutput, cancellationToken), cancellationToken);
        var found = answer.As<ValidationResult>();
        if (found.Warnings.Count > 0)
        {
            commandOutput.Say("Warnings:");
            commandOutput.Faults(found.Warnings);
        }
        commandOutput.Say($"Price: {PriceText.Of(found.Price)}.");
        commandOutput.Result(answer, console => console.Say("The request is valid. Nothing was submitted, nothing was paid."));
        return ExitCodes.Success;
    }
}
