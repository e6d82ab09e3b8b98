using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>
/// Text of ours and of others on a console that knows markup. Lines are left to the terminal to wrap, so that a path or a command can be
/// copied from it whole.
/// </summary>
internal static class PlainText
{
    /// <summary>Writes one line.</summary>
    public static void Say(this IAnsiConsole console, string text = "") => console.Profile.Out.Writer.WriteLine(Harmless(text));

    /// <summary>Writes names, and beside each what there is to say of it.</summary>
    public static void Facts(this IAnsiConsole console, IEnumerable<(string Name, string Text)> facts, Color? colour = null)
    {
        var rows = facts.ToList();
        var width = rows.Max(row => row.Name.Length) + 2;
        foreach (var (name, text) in rows)
        {
            console.Write(Cell(name.PadRight(width), colour ?? Color.Grey));
            console.Say(text);
        }
    }

    /// <summary>Text as a part of something larger.</summary>
    public static Text Cell(string? text, Style? style = null) => new(Harmless(text ?? ""), style);

    /// <summary>True if what was written can be written over.</summary>
    public static bool CanRedraw(this IAnsiConsole console) => console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    /// <summary>What a provider or a stranger wrote must not steer the terminal.</summary>
    private static string Harmless(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}
