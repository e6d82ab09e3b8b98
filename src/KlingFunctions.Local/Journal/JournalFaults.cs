using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace KlingFunctions.Local.Journal;

/// <summary>What may be wrong with a journal or its folder: each a sentence that says what it is and how to put it right.</summary>
internal static class JournalFaults
{
    private const string OtherFolder = "or set Local:DataDirectory to another folder";

    // What the systems say when another process has locked a file: EWOULDBLOCK of Linux, of macOS, and a sharing violation.
    private static readonly int[] InUse = [11, 35, unchecked((int)0x80070020)];

    /// <summary>Why a data directory can't be used.</summary>
    public static JournalException OfFolder(string directory, Exception e)
    {
        if (InUse.Contains(e.HResult))
            return new($"Another host is running on the data directory '{directory}': stop that one, {OtherFolder}.", e);
        for (var part = Path.GetFullPath(directory); part is not null; part = Path.GetDirectoryName(part))
        {
            if (File.Exists(part)) return new($"The data directory '{directory}' can't be made, for '{part}' is a file: move that away, {OtherFolder}.", e);
        }
        return new($"The data directory '{directory}' can't be written: make sure that there is room and that this user may write there, {OtherFolder}. ({e.Message})", e);
    }

    /// <summary>Why the journal can't be used, if that lies in the file, the disk or the rights; otherwise it is a defect.</summary>
    public static bool TryTell(Exception e, string path, [NotNullWhen(true)] out JournalException? told)
    {
        var sentence = (e as SqliteException)?.SqliteErrorCode switch
        {
            raw.SQLITE_FULL => $"The journal '{path}' can't be written, for the disk is full: make room.",
            raw.SQLITE_READONLY or raw.SQLITE_PERM or raw.SQLITE_CANTOPEN or raw.SQLITE_AUTH =>
                $"The journal '{path}' can't be written: give this user the right to write that file, its -wal and -shm files and their folder.",
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED => $"The journal '{path}' is locked by another program: end whatever has it open.",
            raw.SQLITE_IOERR => $"The journal '{path}' can't be read or written: look after the disk. ({e.Message})",
            raw.SQLITE_NOTADB => $"The file '{path}' is no journal: move it away together with its -wal and -shm files and restore a backup, {OtherFolder}.",
            raw.SQLITE_CORRUPT => Damaged(path, e.Message),
            _ => null,
        };
        told = sentence is null ? null : new(sentence, e);
        return told is not null;
    }

    /// <summary>SQLite takes an empty file for a new database, and throws away the -wal beside it: with that all that was not copied over yet.</summary>
    public static void RefuseWhatLostItsFile(string path)
    {
        var wal = new FileInfo(path + "-wal");
        if (!wal.Exists || wal.Length == 0 || new FileInfo(path) is { Exists: true, Length: > 0 }) return;
        throw new JournalException(
            $"The journal '{path}' is gone or empty, but its -wal file is there: restore both from one backup, or move the -wal file away to begin with an empty journal.");
    }

    /// <summary>Looks before anything is written, and returns the format: another program's file stays as it is.</summary>
    public static int RefuseWhatIsNotOurs(Statements statements, string path)
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
        // It reads the whole file, half a gigabyte in a fifth of a second: a job that is found broken later may have been paid for by then.
        var found = statements.Query("PRAGMA quick_check(1)", r => r.GetString(0))[0];
        if (found is not "ok") throw new JournalException(Damaged(path, found.ReplaceLineEndings(" ")));
        return version;
    }

    private static string Damaged(string path, string how) =>
        $"The journal '{path}' is damaged: move it away together with its -wal and -shm files and restore a backup, or what 'sqlite3 journal.db .recover' can save of it. ({how})";
}

/// <summary>The journal can't be used: the message says why and what to do.</summary>
internal sealed class JournalException(string message, Exception? inner = null) : Exception(message, inner);
