using System.Text;
using KlingFunctions.Pipeline.Errors;
using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>How a client verb speaks: results on stdout, for people or as JSON; messages on stderr.</summary>
internal sealed class Voice(Terminal terminal, bool json)
{
    /// <summary>The clock.</summary>
    public TimeProvider Time => terminal.Time;

    /// <summary>Standard input.</summary>
    public Stream In() => terminal.In();

    /// <summary>Where progress is shown: with JSON, stdout is for that alone.</summary>
    public IAnsiConsole Progress => json ? terminal.Error : terminal.Out;

    /// <summary>A result: the host's own JSON, or what people want to see of it.</summary>
    public void Result(Answer answer, Action<IAnsiConsole> forPeople)
    {
        if (json) ResultAsJson(answer);
        else forPeople(terminal.Out);
    }

    /// <summary>The host's own JSON, if JSON is wanted.</summary>
    public void ResultAsJson(Answer answer)
    {
        if (!json) return;
        terminal.Out.Profile.Out.Writer.WriteLine(Encoding.UTF8.GetString(answer.Body));
        terminal.Out.Profile.Out.Writer.Flush();
    }

    /// <summary>A message.</summary>
    public void Say(string message) => terminal.Error.Say(message);

    /// <summary>Faults or warnings, one a line: where, and what.</summary>
    public void Faults(IEnumerable<Fault> faults) =>
        terminal.Error.Facts(faults.Select(fault => ($"  {(fault.Pointer.Length > 0 ? fault.Pointer : "-")}", fault.Message)), Color.Yellow);
}
