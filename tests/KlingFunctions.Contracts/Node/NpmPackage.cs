using System.Diagnostics;

namespace KlingFunctions.Contracts.Node;

/// <summary>A package from the npm registry, installed at first use below <c>tests/</c>, into a folder that git ignores.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">The one version that is taken.</param>
/// <param name="Folder">Its folder below <c>tests/</c>.</param>
/// <param name="For">What needs it, for whoever has no Node: "The tests of ...".</param>
public sealed record NpmPackage(string Name, string Version, string Folder, string For)
{
    /// <summary>The folder with its <c>node_modules</c>; installs it if it is not there.</summary>
    /// <exception cref="InvalidOperationException">It can't be installed: a sentence says why.</exception>
    public async Task<string> EnsureAsync(CancellationToken cancel)
    {
        var folder = Path.Combine(Root(), "tests", Folder);
        var modules = Directory.CreateDirectory(Path.Combine(folder, "node_modules")).FullName;
        var done = Path.Combine(modules, $".{Name.Replace('/', '-')}-{Version}");
        if (File.Exists(done)) return folder;

        await using var turn = await LockAsync(Path.Combine(modules, ".lock"), cancel);
        if (File.Exists(done)) return folder;
        await InstallAsync(folder, cancel);
        await File.WriteAllBytesAsync(done, [], cancel);
        return folder;
    }

    /// <summary>Starts a program of Node.</summary>
    public Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException(
                $"{For} need {Name}, which runs on Node.js 20 or later, and '{start.FileName}' can't be started ({e.Message}): install it from nodejs.org.", e);
        }
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

    private async Task InstallAsync(string folder, CancellationToken cancel)
    {
        // On Windows npm is a script, which only the shell finds.
        string[] command = OperatingSystem.IsWindows() ? ["cmd", "/c", "npm"] : ["npm"];
        var start = new ProcessStartInfo(
            command[0],
            [.. command[1..], "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, $"{Name}@{Version}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var npm = Start(start);
        var output = npm.StandardOutput.ReadToEndAsync(cancel);
        var error = npm.StandardError.ReadToEndAsync(cancel);
        await npm.WaitForExitAsync(cancel);
        if (npm.ExitCode != 0) throw new InvalidOperationException($"{For} need {Name} {Version}, and 'npm install' did not get it: {await output}{await error}");
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KlingFunctions.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("These tests run from a build within the repository: KlingFunctions.sln is nowhere above.");
    }
}
