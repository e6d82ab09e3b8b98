using Spectre.Console;

namespace KlingFunctions.Local.Cli;

/// <summary>
/// Writes text without markup, which may contain user input. The terminal wraps long lines, so that a path or a command can be copied from
/// it in one piece.
/// </summary>
internal static class PlainText
{
    /// <summary>Writes one line.</summary>
    public static void Say(this IAnsiConsole console, string text = "") => console.Profile.Out.Writer.WriteLine(Harmless(text));

    /// <summary>Writes names and values in two columns.</summary>
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

    /// <summary>Writes one line of tab-separated fields.</summary>
    public static void Fields(this IAnsiConsole console, params string[] fields) =>
        console.Profile.Out.Writer.WriteLine(string.Join('\t', fields.Select(Harmless)));

    /// <summary>Text for a table or another layout.</summary>
    public static Text Cell(string? text, Style? style = null) => new(Harmless(text ?? ""), style);

    /// <summary>True if the console can redraw lines.</summary>
    public static bool CanRedraw(this IAnsiConsole console) => console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;

    /// <summary>Removes control characters: text from outside must not control the terminal.</summary>
    private static string Harmless(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}
