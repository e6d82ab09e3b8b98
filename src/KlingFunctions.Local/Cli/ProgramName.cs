namespace KlingFunctions.Local.Cli;

/// <summary>The name by which this program was started, as the user can type it again.</summary>
internal static class ProgramName
{
    private const string Project = "KlingFunctions.Local";

    /// <summary>The name of this process.</summary>
    public static string OfThisProcess() => Of(
        Environment.ProcessPath ?? Tool, Environment.GetCommandLineArgs()[0], AppContext.BaseDirectory, Environment.CurrentDirectory,
        Environment.GetEnvironmentVariable("PATH"));

    /// <summary>The command of the .NET tool.</summary>
    public const string Tool = "kling";

    /// <summary>The shortest command that starts the program again.</summary>
    /// <param name="executable">The running program: the tool, the application's own, or <c>dotnet</c>.</param>
    /// <param name="assembly">The assembly that <c>dotnet</c> runs.</param>
    /// <param name="folder">The assembly's folder.</param>
    /// <param name="currentFolder">The current folder.</param>
    /// <param name="path">The folders in which the shell looks for programs.</param>
    public static string Of(string executable, string assembly, string folder, string currentFolder, string? path)
    {
        if (ProjectFolder(folder) is { } project) return $"dotnet run --project {Short(project, currentFolder)} --";
        var name = Path.GetFileNameWithoutExtension(executable);
        if (name is "dotnet") return $"dotnet {Short(assembly, currentFolder)}";
        var isInPath = path?.Split(Path.PathSeparator).Contains(Path.GetDirectoryName(executable)) is true;
        if (isInPath) return name;
        var shortest = Short(executable, currentFolder);
        // A shell looks up a bare name only in PATH.
        return Path.GetFileName(shortest) == shortest ? Path.Combine(".", shortest) : shortest;
    }

    /// <summary>The project's folder, if the program runs from its build output, as under <c>dotnet run</c>.</summary>
    private static string? ProjectFolder(string folder)
    {
        for (var parent = new DirectoryInfo(folder); parent is not null; parent = parent.Parent)
        {
            if (File.Exists(Path.Combine(parent.FullName, $"{Project}.csproj"))) return parent.FullName;
        }
        return null;
    }

    private static string Short(string path, string currentFolder)
    {
        var relative = Path.GetRelativePath(currentFolder, path);
        var shorter = relative.Length < path.Length ? relative : path;
        return shorter.Contains(' ', StringComparison.Ordinal) ? $"\"{shorter}\"" : shorter;
    }
}
