using System.Text.RegularExpressions;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>
/// Names that operating systems, network storage, sync programs and editors give to their own files and folders. Neither such a file nor
/// any file below such a folder is an upload: snapshots, previews and trash contain copies of uploads that are already paid for.
/// </summary>
internal static partial class SystemNames
{
    // Windows and SMB ignore case.
    private static readonly HashSet<string> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        // Windows
        "$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information", "Thumbs.db", "ehthumbs.db", "desktop.ini", "found.000",
        // macOS
        "__MACOSX", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder", "TheFindByContentFolder", "Icon\r",
        // Linux
        "lost+found",
        // Synology, QNAP, Asustor, NetApp, Samba
        "@eaDir", "@tmp", "@sharesnap", "@sharebin", "@Recycle", "@Recently-Snapshot", "@__thumb", "#recycle", "#snapshot", "~snapshot",
        "Recycle Bin", "Recycle.Bin",
    };

    /// <summary>Whether a file or folder of this name belongs to a system.</summary>
    public static bool Contains(string name) =>
        name.StartsWith('.') || name.StartsWith("~$", StringComparison.Ordinal) || name.EndsWith('~') || Names.Contains(name) || Temporary.IsMatch(name);

    // Unfinished downloads and transfers, lock files and safe saves: the file follows under its final name. The last two are a folder in
    // which macOS stores a document during a save, and an alternate stream of NTFS that became a file of its own.
    [GeneratedRegex(
        @"\A~syncthing~|\.(part|partial|filepart|crdownload|opdownload|download|aria2|!ut|!qb|bc!|upload|uploading|tmp|temp|swp|swx|lock)\z"
        + @"|\.sb-[0-9a-f]{8}-[0-9A-Za-z]{6}\z|Zone\.Identifier\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Temporary { get; }
}
