using System.CommandLine;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Diagnosis;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary><c>doctor</c>: checks, free of charge, everything that a job needs.</summary>
internal sealed class DoctorCommand(Terminal terminal)
    : ClientCommand("doctor", "Checks, free of charge, everything that a job needs: token, model, price, balance, clock, store, address, webhook secret.", terminal)
{
    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        var answer = await deployment.GetAsync(RouteTable.Doctor, cancellationToken);
        var checkup = answer.As<Checkup>();
        commandOutput.Result(answer, console => console.Facts(checkup.Checks.Select(check => ($"{JsonWord.Of(check.State),-9}{check.Name}", check.Message))));
        return checkup.Checks.Select(ExitCodeOf).FirstOrDefault(code => code != ExitCodes.Success);
    }

    /// <summary>
    /// Temporary causes, such as an outage or an empty balance, give a code that asks to try later; the rest need a person.
    /// </summary>
    private static int ExitCodeOf(Check check) => check switch
    {
        { State: CheckState.Ok or CheckState.Warning } => ExitCodes.Success,
        // A job can be made without knowing price or balance.
        { State: CheckState.Unknown } => check.Name is CheckNames.Token ? ExitCodes.Unavailable : ExitCodes.Success,
        { Name: CheckNames.Token } => ExitCodes.NoPermission,
        { Name: CheckNames.Store } => ExitCodes.Unavailable,
        { Name: CheckNames.Balance } => ExitCodes.TryLater,
        _ => ExitCodes.Configuration,
    };
}
