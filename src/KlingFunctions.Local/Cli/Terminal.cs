using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>What the command line reads from and writes to.</summary>
/// <param name="In">Standard input.</param>
/// <param name="Out">Standard output: results.</param>
/// <param name="Error">Standard error: messages.</param>
/// <param name="Time">The clock of waits and elapsed times.</param>
internal sealed record Terminal(Func<Stream> In, IAnsiConsole Out, IAnsiConsole Error, TimeProvider Time)
{
    private const int WidthOfNoTerminal = 10_000;

    /// <summary>The console of this process.</summary>
    public static Terminal OfThisProcess() =>
        new(Console.OpenStandardInput, Create(Console.Out), Create(Console.Error), TimeProvider.System);

    /// <summary>A console that writes there: with colours on a terminal, and plain elsewhere.</summary>
    public static IAnsiConsole Create(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = output, Ansi = output.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No });
        // Lines that go to a file or a pipe are not broken: that is the reader's business.
        if (!output.IsTerminal) console.Profile.Width = WidthOfNoTerminal;
        return console;
    }
}
