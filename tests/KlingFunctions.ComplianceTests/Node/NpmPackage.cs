using System.Diagnostics;

namespace KlingFunctions.ComplianceTests.Node;

/// <summary>A package from the npm registry, installed at first use below <c>tests/</c>, into a folder that git ignores.</summary>
/// <param name="Name">The package's name.</param>
/// <param name="Version">The pinned version.</param>
/// <param name="Folder">The folder below <c>tests/</c>.</param>
/// <param name="For">The user of the package, for the message on a machine without Node: "The tests of ...".</param>
public sealed record NpmPackage(string Name, string Version, string Folder, string For)
{
    /// <summary>The folder with <c>node_modules</c>; installs the package if it is missing.</summary>
    /// <exception cref="InvalidOperationException">The package can't be installed: one sentence says why.</exception>
    public async Task<string> EnsureAsync(CancellationToken cancellationToken)
    {
        var folder = Path.Combine(RepositoryFiles.Root, "tests", Folder);
        var modules = Directory.CreateDirectory(Path.Combine(folder, "node_modules")).FullName;
        var done = Path.Combine(modules, $".{Name.Replace('/', '-')}-{Version}");
        if (File.Exists(done)) return folder;

        await using var turn = await LockAsync(Path.Combine(modules, ".lock"), cancellationToken);
        if (File.Exists(done)) return folder;
        await InstallAsync(folder, cancellationToken);
        await File.WriteAllBytesAsync(done, [], cancellationToken);
        return folder;
    }

    /// <summary>Starts a Node program.</summary>
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

    /// <summary>Locks the folder: one test process installs while the others wait. The lock ends with its process.</summary>
    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
            }
        }
    }

    private async Task InstallAsync(string folder, CancellationToken cancellationToken)
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
        var output = npm.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = npm.StandardError.ReadToEndAsync(cancellationToken);
        await npm.WaitForExitAsync(cancellationToken);
        if (npm.ExitCode != 0) throw new InvalidOperationException($"{For} need {Name} {Version}, and 'npm install' did not get it: {await output}{await error}");
    }
}
