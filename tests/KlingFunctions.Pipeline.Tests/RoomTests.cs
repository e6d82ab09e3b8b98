using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace KlingFunctions.Pipeline.Tests;

/// <summary>The folders of the pipeline are layers: a folder uses only those below it.</summary>
public sealed partial class RoomTests
{
    // From bottom to top.
    private static readonly string[] Rooms =
        [
            "Telemetry", "Network", "Documents", "Workflow", "Errors", "Requests", "Settings", "RunComfy", "Polling", "Submitting", "Storing", "Jobs", "Notifying",
            "Batching", "Uploads", "Diagnosis", "Page", "Http",
        ];

    // Settings and JSON of all folders. The other files above the folders may use all of them.
    private static readonly string[] UsedEverywhere = ["PipelineOptions", "PublicOptions", "PipelineJson"];

    private static readonly string Source = Path.GetFullPath("../../src/KlingFunctions.Pipeline", Path.GetDirectoryName(Here())!);

    public static TheoryData<string> AllRooms => [.. Directory.GetDirectories(Source).Select(d => Path.GetFileName(d)!).Where(d => d is not ("bin" or "obj"))];

    [Theory, MemberData(nameof(AllRooms))]
    public void Folder_uses_only_folders_below(string room)
    {
        var story = Directory.GetFiles(Source, "*.cs").Select(f => Path.GetFileNameWithoutExtension(f)!).Except(UsedEverywhere);
        string[] above = [.. Rooms.Skip(Array.IndexOf(Rooms, room) + 1), "(?!)"];
        var upward = new Regex($@"((\bPipeline\.|(?<![.\w]))({string.Join('|', above)})(;|\.[A-Z]))|\b({string.Join('|', story)})\b(?! =>)");
        Assert.Contains(room, Rooms);
        Assert.Empty(
            from file in Directory.GetFiles(Path.Combine(Source, room), "*.cs", SearchOption.AllDirectories)
            from line in File.ReadLines(file)
            where !Comment.IsMatch(line) && upward.IsMatch(line)
            select $"{Path.GetFileName(file)}: {line}");
    }

    private static string Here([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"^\s*//")]
    private static partial Regex Comment { get; }
}
