using System.CommandLine;
using System.Globalization;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Demo;

/// <summary><c>demo</c>: one whole job on this machine, with a simulated provider.</summary>
internal sealed class DemoCommand : Command
{
    private readonly Option<string?> _data = new("--data") { Description = "The folder for the demo's journal and video (default ./data/demo-<time>)." };

    public DemoCommand(Terminal terminal)
        : base("demo", "Shows a request becoming a stored video and a signed webhook, on this machine, with RunComfy simulated. Free.")
    {
        Options.Add(_data);
        SetAction((parsed, cancellationToken) =>
        {
            var now = terminal.Time.GetLocalNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
            return new DemoRun(terminal, Path.GetFullPath(parsed.GetValue(_data) ?? Path.Combine("data", $"demo-{now}"))).RunAsync(cancellationToken);
        });
    }
}
