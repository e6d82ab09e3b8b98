using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>The input and output of the command line.</summary>
/// <param name="In">Standard input.</param>
/// <param name="Out">Standard output: results.</param>
/// <param name="Error">Standard error: messages.</param>
/// <param name="Time">The clock for waits and elapsed times.</param>
/// <param name="Program">The name by which this program was started.</param>
internal sealed record Terminal(Func<Stream> In, IAnsiConsole Out, IAnsiConsole Error, TimeProvider Time, string Program = ProgramName.Tool)
{
    private const int WidthOfNoTerminal = 10_000;

    /// <summary>The console of this process.</summary>
    public static Terminal OfThisProcess() =>
        new(Console.OpenStandardInput, Create(Console.Out), Create(Console.Error), TimeProvider.System, ProgramName.OfThisProcess());

    /// <summary>A console on this writer: with colours on a terminal, plain elsewhere.</summary>
    public static IAnsiConsole Create(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = output, Ansi = output.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No });
        // Lines to a file or a pipe are not wrapped.
        if (!output.IsTerminal) console.Profile.Width = WidthOfNoTerminal;
        return console;
    }
}
