using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace KlingFunctions.Local.Journal;

/// <summary>The faults of a journal or its folder: one sentence each, with the remedy.</summary>
internal static class JournalFaults
{
    private const string OtherFolder = "or set Local:DataDirectory to another folder";

    // The codes for a file locked by another process: EWOULDBLOCK on Linux, on macOS, and a sharing violation.
    private static readonly int[] InUse = [11, 35, unchecked((int)0x80070020)];

    /// <summary>Why a data directory can't be used.</summary>
    public static JournalException OfFolder(string directory, Exception e)
    {
        if (InUse.Contains(e.HResult))
            return new($"Another host is running on the data directory '{directory}': stop that one, {OtherFolder}.", e);
        for (var part = Path.GetFullPath(directory); part is not null; part = Path.GetDirectoryName(part))
        {
            if (File.Exists(part)) return new($"The data directory '{directory}' can't be made, because '{part}' is a file: move it away, {OtherFolder}.", e);
        }
        return new($"The data directory '{directory}' can't be written: make sure that there is room and that this user may write there, {OtherFolder}. ({e.Message})", e);
    }

    /// <summary>Why the journal can't be used, if the cause is the file, the disk or permissions; null for a defect of this program.</summary>
    public static bool TryExplain(Exception e, string path, [NotNullWhen(true)] out JournalException? fault)
    {
        var sentence = (e as SqliteException)?.SqliteErrorCode switch
        {
            raw.SQLITE_FULL => $"The journal '{path}' can't be written, because the disk is full: free some space.",
            raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_CANTOPEN or raw.SQLITE_AUTH =>
                $"The journal '{path}' can't be written: give this user the right to write that file, its -wal and -shm files and their folder.",
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => $"The journal '{path}' is locked by another program: end whatever has it open.",
            raw.SQLITE_IOERR => $"The journal '{path}' can't be read or written: check the disk. ({e.Message})",
            raw.SQLITE_NOTADB => $"The file '{path}' is not a journal: move it away together with its -wal and -shm files and restore a backup, {OtherFolder}.",
            raw.SQLITE_CORRUPT => Damaged(path, e.Message),
            _ => null,
        };
        fault = sentence is null ? null : new(sentence, e);
        return fault is not null;
    }

    /// <summary>
    /// Refuses an empty file with a -wal file: SQLite would treat it as new and delete the -wal file, with commits not yet copied.
    /// </summary>
    public static void RefuseLoneWal(string path)
    {
        var wal = new FileInfo(path + "-wal");
        if (!wal.Exists || wal.Length == 0 || new FileInfo(path) is { Exists: true, Length: > 0 }) return;
        throw new JournalException(
            $"The journal '{path}' is gone or empty, but its -wal file is there: restore both from one backup, or move the -wal file away to begin with an empty journal.");
    }

    /// <summary>Checks the file before anything is written, and returns its format. A file of another program is left unchanged.</summary>
    public static int RefuseForeignFile(Statements statements, string path)
    {
        var tables = statements.Query("SELECT name FROM sqlite_schema WHERE type = 'table'", r => r.GetString(0));
        if (tables.Count > 0 && !tables.Contains("submissions"))
            throw new JournalException($"The file '{path}' is a database of another program: move it away, {OtherFolder}.");
        var version = statements.Query("PRAGMA user_version", r => r.GetInt32(0))[0];
        if (version > JournalSchema.Version)
        {
            throw new JournalException(
                $"The journal '{path}' was written by a newer version of KlingFunctions (it has format {version}, this one knows {JournalSchema.Version}): start that version, {OtherFolder}.");
        }
        // Reads the whole file (0.5 GB in 0.2 s), because damage that is found later may concern a paid job.
        var found = statements.Query("PRAGMA quick_check(1)", r => r.GetString(0))[0];
        if (found is not "ok") throw new JournalException(Damaged(path, found.ReplaceLineEndings(" ")));
        return version;
    }

    private static string Damaged(string path, string how) =>
        $"The journal '{path}' is damaged: move it away together with its -wal and -shm files and restore a backup, or what 'sqlite3 journal.db .recover' can save of it. ({how})";
}

/// <summary>The journal can't be used: the message says why and what to do.</summary>
internal sealed class JournalException(string message, Exception? inner = null) : Exception(message, inner);
