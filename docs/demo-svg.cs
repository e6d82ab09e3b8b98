// Draws docs/demo.svg from a recording of the demo at work, on Linux, from the top of the repository:
//   script -qc "stty cols 118; dotnet run --project src/KlingFunctions.Local -- demo" -O demo.log -T demo.timing
//   dotnet run docs/demo-svg.cs demo.log demo.timing docs/demo.svg
#:property PublishAot=false
#:property NoWarn=CS1591

using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

const int Columns = 118, Left = 20, Top = 58, LineHeight = 20;
const double CharWidth = 8.4, Frame = 0.2, Hold = 7;
const string EndsBefore = "What to do next";
const string Command = "dotnet run --project src/KlingFunctions.Local -- demo";

var screen = new Screen(Columns);
var shown = new SortedDictionary<int, Shown>();
var drawn = new List<Shown>();
var (now, start, lastFrame) = (0.0, -1.0, 0.0);
using var log = File.OpenRead(args[0]);
while (log.ReadByte() is not ('\n' or -1)) continue; // "Script started on …" is not part of what was timed.
foreach (var line in File.ReadLines(args[1]))
{
    var parts = line.Split(' ');
    var bytes = new byte[int.Parse(parts[1], CultureInfo.InvariantCulture)];
    log.ReadExactly(bytes);
    // The long wait before the first words is the build.
    now += start < 0 ? 0 : double.Parse(parts[0], CultureInfo.InvariantCulture);
    if (start < 0 && bytes.Any(b => b > ' ')) (start, lastFrame) = (0, -Frame);
    if (now - lastFrame >= Frame) Draw(lastFrame = now);
    screen.Write(Encoding.UTF8.GetString(bytes));
}
Draw(now);

var total = now + Hold;
var rows = shown.Keys.Last() + 1;
var (width, height) = (Math.Ceiling(Left * 2 + Columns * CharWidth), Top + rows * LineHeight + 12);
var svg = new StringBuilder();
svg.AppendLine(CultureInfo.InvariantCulture, $"""
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="The demo in a terminal: a job goes through all its states and ends as a stored video">
    <style>
    text{"{"}font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d1d7e0;white-space:pre{"}"}
    .d{"{"}fill:#9198a1{"}"}.g{"{"}fill:#3fb950{"}"}.c{"{"}fill:#39c5cf{"}"}.b{"{"}font-weight:bold{"}"}.o{"{"}opacity:0{"}"}
    @media (prefers-reduced-motion:reduce){"{"}*{"{"}animation:none!important{"}"}{"}"}
    """);
foreach (var (row, i) in drawn.Select((row, i) => (row, i)))
{
    var end = row.Until < total ? $"{Percent(row.Until)}{{opacity:0}}" : "";
    svg.AppendLine(CultureInfo.InvariantCulture, $"@keyframes k{i}{{0%{{opacity:0}}{Percent(row.From)}{{opacity:1}}{end}}}#t{i}{{animation:k{i} {total:0.0}s step-end infinite}}");
}
svg.AppendLine(CultureInfo.InvariantCulture, $"""
    </style>
    <rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="#0d1117" stroke="#3d444d"/>
    <circle cx="26" cy="18" r="5.5" fill="#ff5f57"/><circle cx="44" cy="18" r="5.5" fill="#febc2e"/><circle cx="62" cy="18" r="5.5" fill="#28c840"/>
    <text x="{Left}" y="{Top - LineHeight + 6}"><tspan class="g">$</tspan> {Command}</text>
    """);
foreach (var (row, i) in drawn.Select((row, i) => (row, i)))
{
    svg.Append(CultureInfo.InvariantCulture, $"<text id=\"t{i}\"{(row.Until < total ? " class=\"o\"" : "")} y=\"{Top + (row.Line + 1) * LineHeight}\">");
    foreach (var run in row.Runs)
    {
        var (x, length) = (Left + run.Column * CharWidth, run.Text.Length * CharWidth);
        svg.Append(CultureInfo.InvariantCulture, $"<tspan x=\"{x:0.#}\" textLength=\"{length:0.#}\"{(run.Class.Length > 0 ? $" class=\"{run.Class}\"" : "")}>{WebUtility.HtmlEncode(run.Text)}</tspan>");
    }
    svg.AppendLine("</text>");
}
File.WriteAllText(args[2], svg.Append("</svg>\n").ToString());

string Percent(double time) => string.Create(CultureInfo.InvariantCulture, $"{100 * Math.Clamp(time / total, 0.0001, 1):0.##}%");

// Compares what is on the screen with what was drawn before: each version of a line is a text of its own, seen for a while.
void Draw(double time)
{
    if (start < 0) return;
    var end = screen.Find(EndsBefore);
    foreach (var line in Enumerable.Range(0, Math.Min(screen.Count, end)))
    {
        var runs = screen.Runs(line);
        if (shown.TryGetValue(line, out var before) && before.Runs.SequenceEqual(runs)) continue;
        if (before is not null) before.Until = time;
        shown[line] = new Shown(line, time, runs);
        if (runs.Count > 0) drawn.Add(shown[line]);
    }
}

internal sealed record Run(int Column, string Text, string Class);

internal sealed record Shown(int Line, double From, List<Run> Runs)
{
    public double Until { get; set; } = double.MaxValue;
}

/// <summary>As much of a terminal as the demo needs: lines, colours, and the cursor up.</summary>
internal sealed partial class Screen(int columns)
{
    private readonly List<(char Char, string Class)[]> _lines = [];
    private string _rest = "", _class = "";
    private int _line, _column;

    public int Count => _lines.Count;

    public int Find(string text)
    {
        var found = _lines.FindIndex(line => string.Concat(line.Select(c => c.Char)).Contains(text, StringComparison.Ordinal));
        return found < 0 ? int.MaxValue : found - 1;
    }

    public List<Run> Runs(int line)
    {
        var runs = new List<Run>();
        for (var i = 0; i < columns;)
        {
            var from = i;
            while (i < columns && _lines[line][i].Class == _lines[line][from].Class) i++;
            var text = string.Concat(_lines[line][from..i].Select(c => c.Char));
            var trimmed = text.TrimStart();
            if (trimmed.Length > 0) runs.Add(new(from + text.Length - trimmed.Length, trimmed.TrimEnd(), _lines[line][from].Class));
        }
        return runs;
    }

    public void Write(string text)
    {
        text = _rest + text;
        var end = 0;
        foreach (Match part in Part.Matches(text))
        {
            end = part.Index + part.Length;
            var (command, number) = (part.Groups["command"].Value, part.Groups["number"].Value);
            if (command is "m") _class = ClassOf(number);
            else if (command is "A" or "F") _line -= number.Length > 0 ? int.Parse(number, CultureInfo.InvariantCulture) : 1;
            if (command is "F" || part.Value is "\r") _column = 0;
            else if (part.Value is "\n") _line++;
            else if (part.Value is [>= ' ' and var c]) Put(c);
        }
        _rest = text[end..];
    }

    private static string ClassOf(string code) => code switch { "1" => "b", "38;5;8" => "d", "38;5;2" => "g", "38;5;14" => "c", _ => "" };

    private void Put(char c)
    {
        if (_column == columns) (_line, _column) = (_line + 1, 0);
        while (_lines.Count <= _line) _lines.Add([.. Enumerable.Repeat((' ', ""), columns)]);
        _lines[_line][_column++] = (c, _class);
    }

    [GeneratedRegex(@"\x1b\[(?<number>[\d;?]*)(?<command>[A-Za-z])|\x1b[=>]|[^\x1b]")]
    private static partial Regex Part { get; }
}
