using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>The program's name in hints works where the program was started.</summary>
public sealed class ProgramNameTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling name-");

    public void Dispose() => _folder.Delete(recursive: true);

    private string At(params string[] parts) => Path.Combine([_folder.FullName, .. parts]);

    [Fact]
    public void Tool_in_PATH_is_started_by_its_name() =>
        Assert.Equal("kling", ProgramName.Of(At("tools", "kling"), "", At("store"), _folder.FullName, $"/bin{Path.PathSeparator}{At("tools")}"));

    [Fact]
    public void Tool_outside_of_PATH_is_started_by_its_path()
    {
        Assert.Equal(Path.Combine("tools", "kling"), ProgramName.Of(At("tools", "kling"), "", At("store"), _folder.FullName, "/bin"));
        Assert.Equal(Path.Combine(".", "kling"), ProgramName.Of(At("tools", "kling"), "", At("store"), At("tools"), "/bin"));
        Assert.Equal($"\"{At("tools", "kling")}\"", ProgramName.Of(At("tools", "kling"), "", At("store"), "/a/folder/that/is/nested/far/too/deep", "/bin"));
    }

    [Fact]
    public void Assembly_is_started_with_dotnet() =>
        Assert.Equal("dotnet Kling.dll", ProgramName.Of("/usr/bin/dotnet", At("Kling.dll"), _folder.FullName, _folder.FullName, "/bin"));

    [Fact]
    public void Project_is_started_from_its_source()
    {
        var build = Directory.CreateDirectory(At("src", "KlingFunctions.Local", "bin", "Release", "net10.0")).FullName;
        File.WriteAllText(At("src", "KlingFunctions.Local", "KlingFunctions.Local.csproj"), "");
        Assert.Equal(
            $"dotnet run --project {Path.Combine("src", "KlingFunctions.Local")} --",
            ProgramName.Of(Path.Combine(build, "KlingFunctions.Local"), "", build, _folder.FullName, "/bin"));
    }
}
