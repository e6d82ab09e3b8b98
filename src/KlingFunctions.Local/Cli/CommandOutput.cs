using System.Text;
using KlingFunctions.Pipeline.Errors;
using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>The output of a client verb: results on stdout, as text or JSON; messages on stderr.</summary>
internal sealed class CommandOutput(Terminal terminal, bool json, Hints hints)
{
    /// <summary>Commands for the caller to paste.</summary>
    public Hints Hints => hints;

    /// <summary>The clock.</summary>
    public TimeProvider Time => terminal.Time;

    /// <summary>Standard input.</summary>
    public Stream In() => terminal.In();

    /// <summary>The console for progress. With --json that is stderr, since stdout holds only JSON.</summary>
    public IAnsiConsole Progress => json ? terminal.Error : terminal.Out;

    /// <summary>Writes a result: the host's JSON, or a text made from it.</summary>
    public void Result(Answer answer, Action<IAnsiConsole> forPeople)
    {
        if (json) ResultAsJson(answer);
        else forPeople(terminal.Out);
    }

    /// <summary>Writes the host's JSON, if --json is given.</summary>
    public void ResultAsJson(Answer answer)
    {
        if (!json) return;
        terminal.Out.Profile.Out.Writer.WriteLine(Encoding.UTF8.GetString(answer.Body));
        terminal.Out.Profile.Out.Writer.Flush();
    }

    /// <summary>Writes a message to stderr.</summary>
    public void Say(string message) => terminal.Error.Say(message);

    /// <summary>Writes one line for each fault or warning: place and sentence.</summary>
    public void Faults(IEnumerable<Fault> faults) =>
        terminal.Error.Facts(faults.Select(fault => ($"  {(fault.Pointer.Length > 0 ? fault.Pointer : "-")}", fault.Message)), Color.Yellow);
}
