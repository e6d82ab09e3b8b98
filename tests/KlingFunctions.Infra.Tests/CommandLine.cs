using System.Diagnostics;

namespace KlingFunctions.Infra;

/// <summary>What a command said, and how it ended.</summary>
internal sealed record CommandLine(int Code, string Output, string Error)
{
    public static async Task<CommandLine> RunAsync(
        string command, IEnumerable<string> arguments, CancellationToken cancel, string? directory = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(command, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? Repository.Root,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(cancel);
        var error = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return new(process.ExitCode, await output, await error);
    }
}
