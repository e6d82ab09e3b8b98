using System.CommandLine;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary><c>validate</c>: every check of <c>submit</c>, and no submission.</summary>
internal sealed class ValidateCommand : ClientCommand
{
    private readonly RequestOptions _request = new();

    public ValidateCommand(Terminal terminal)
        : base("validate", "Checks a request as 'submit' would, its images too, and submits nothing: free.", terminal) => _request.AddTo(this);

    protected override async Task<int> RunAsync(Deployment deployment, Voice voice, ParseResult parsed, CancellationToken cancel)
    {
        var answer = await deployment.PostAsync("/api/videos/validate", await _request.ReadAsync(parsed, voice, cancel), cancel);
        var found = answer.As<ValidationResult>();
        if (found.Warnings.Count > 0)
        {
            voice.Say("Warnings:");
            voice.Faults(found.Warnings);
        }
        voice.Result(answer, console => console.Say("The request is valid. Nothing was submitted, nothing was paid."));
        return ExitCodes.Success;
    }
}
