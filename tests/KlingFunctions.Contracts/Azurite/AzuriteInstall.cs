using System.Diagnostics;

namespace KlingFunctions.Contracts.Azurite;

/// <summary>Azurite from the npm registry, installed at first use into a folder that git ignores.</summary>
internal static class AzuriteInstall
{
    // The last one that runs on Node 20.
    private const string Version = "3.35.0";

    /// <summary>The path of its Blob service's program; installs it if it is not there.</summary>
    /// <exception cref="InvalidOperationException">It can't be installed: a sentence says why.</exception>
    public static async Task<string> EnsureAsync(CancellationToken cancel)
    {
        var folder = Path.Combine(Root(), "tests", "azurite");
        var modules = Directory.CreateDirectory(Path.Combine(folder, "node_modules")).FullName;
        var program = Path.Combine(modules, "azurite", "dist", "src", "blob", "main.js");
        var done = Path.Combine(modules, $".azurite-{Version}");
        if (File.Exists(done)) return program;

        await using var turn = await LockAsync(Path.Combine(modules, ".lock"), cancel);
        if (File.Exists(done)) return program;
        await InstallAsync(folder, cancel);
        await File.WriteAllBytesAsync(done, [], cancel);
        return program;
    }

    /// <summary>Several test processes may come at once: one installs, the others wait for it. The lock dies with its process.</summary>
    private static async Task<FileStream> LockAsync(string path, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancel);
            }
        }
    }

    private static async Task InstallAsync(string folder, CancellationToken cancel)
    {
        // On Windows npm is a script, which only the shell finds.
        string[] command = OperatingSystem.IsWindows() ? ["cmd", "/c", "npm"] : ["npm"];
        var start = new ProcessStartInfo(
            command[0],
            [.. command[1..], "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, $"azurite@{Version}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var npm = Start(start);
        var output = npm.StandardOutput.ReadToEndAsync(cancel);
        var error = npm.StandardError.ReadToEndAsync(cancel);
        await npm.WaitForExitAsync(cancel);
        if (npm.ExitCode != 0)
            throw new InvalidOperationException($"The tests of Blob Storage need azurite {Version}, and 'npm install' did not get it: {await output}{await error}");
    }

    /// <summary>Starts a program of Node.</summary>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException(
                $"The tests of Blob Storage run against Azurite, which needs Node.js 20 or later, and '{start.FileName}' can't be started ({e.Message}): install it from nodejs.org.", e);
        }
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KlingFunctions.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests of Blob Storage run from a build within the repository: KlingFunctions.sln is nowhere above.");
    }
}
