namespace KlingFunctions.Tests;

/// <summary>The repository in which these tests were built.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "KlingFunctions.sln"))) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
