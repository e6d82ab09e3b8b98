using System.Runtime.InteropServices;

namespace KlingFunctions.Local.Stores;

/// <summary>Flushes a folder, so that a rename survives a power cut. .NET can't open folders, so it calls the C library.</summary>
internal static partial class FolderFlush
{
    private const int ReadOnly = 0;
    private const int InvalidArgument = 22;
    private const int NotSupported = 95;

    /// <summary>Returns when the folder's entries are on the disk. Windows journals them and has no such call.</summary>
    /// <exception cref="IOException">The folder is missing, or the disk failed.</exception>
    public static void ToDisk(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var file = Open(folder, ReadOnly);
        if (file < 0) throw Failure("opened");
        try
        {
            // Some network file systems do not support this call for folders.
            if (Flush(file) != 0 && Marshal.GetLastPInvokeError() is not (InvalidArgument or NotSupported)) throw Failure("written to the disk");
        }
        finally
        {
            _ = Close(file);
        }

        IOException Failure(string what) => new($"The folder {folder} could not be {what}: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int file);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int file);
}
