using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>
/// The names that uploads go by. A path is relative to the root of the uploads, with <c>/</c> between folders, and its case counts.
/// </summary>
public static class Upload
{
    /// <summary>The name of the file that says what to do with the images of its folder.</summary>
    public const string RecipeName = "_recipe.json";

    private const string NothingStarted = "No video was started and nothing was paid. Put the faults right and upload the file again.";

    private const string ErrorExtension = ".error.json";

    private static readonly string[] ImageExtensions = [".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".webp"];

    // Cameras, phones and image editors write these.
    private static readonly string[] OtherImageExtensions =
    [
        ".heic", ".heif", ".hif", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jxl", ".jp2", ".jpx", ".j2k", ".svg", ".ico", ".psd", ".tga",
        ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".apng",
    ];

    // The longest name of a file on nearly all file systems, in bytes; and of a blob, in characters.
    private const int MaxNameBytes = 255;
    private const int MaxPathLength = 1_024;

    // Read by people in an editor, not by browsers in a page.
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What the file at <paramref name="path"/> is.</summary>
    public static UploadKind KindOf(string path)
    {
        var name = NameOf(path);
        bool EndsWith(string end) => name.EndsWith(end, StringComparison.OrdinalIgnoreCase);
        return name switch
        {
            _ when IsHidden(path) => UploadKind.Other,
            _ when EndsWith(ErrorExtension) => UploadKind.ErrorReport,
            _ when name.Equals(RecipeName, StringComparison.OrdinalIgnoreCase) => UploadKind.Recipe,
            _ when EndsWith(".json") => UploadKind.Request,
            _ when ImageExtensions.Any(EndsWith) => UploadKind.Image,
            _ when OtherImageExtensions.Any(EndsWith) => UploadKind.UnsupportedImage,
            _ => UploadKind.Other,
        };
    }

    /// <summary>Whether a file of this path is a system's own, or lies in a folder that is: see <see cref="SystemNames"/>.</summary>
    public static bool IsHidden(string path) => path.Split('/').Any(SystemNames.Contains);

    /// <summary>Where the recipe for an image at <paramref name="imagePath"/> would be: beside it.</summary>
    public static string RecipePath(string imagePath) => FolderOf(imagePath) + RecipeName;

    /// <summary>
    /// The id of the job that an upload starts: the same for the same content under the same path, another for each new content, and fit
    /// for a URL.
    /// </summary>
    /// <param name="path">The path of the request or the image.</param>
    /// <param name="version">
    /// The SHA-256 of its content, in lower-case hex. Not a time or an ETag: they change when a file is touched, copied or restored.
    /// </param>
    public static string JobId(string path, string version)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(version);
        return JobIntake.IdOf($"{path.TrimStart('/')}\n{version.Trim('"')}");
    }

    /// <summary>
    /// Where the report on a bad upload goes: <c>name.error.json</c> for <c>name.json</c>, <c>name.png.error.json</c> for <c>name.png</c>,
    /// so that the reports on a request and on an image of the same name do not overwrite one another. A name that would become too long
    /// is cut, and marked with a hash.
    /// </summary>
    public static string ErrorReportPath(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var (folder, name) = (FolderOf(path), NameOf(path));
        if (KindOf(path) == UploadKind.Request) name = name[..^".json".Length];
        if (Encoding.UTF8.GetByteCount(name) + ErrorExtension.Length > MaxNameBytes || path.Length + ErrorExtension.Length > MaxPathLength)
        {
            var mark = $"~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(NameOf(path))))[..8]}";
            var most = Math.Min(MaxNameBytes, MaxPathLength - folder.Length) - ErrorExtension.Length - mark.Length;
            name = CutTo(name, most) + mark;
        }
        return folder + name + ErrorExtension;
    }

    /// <summary>The upload that a report is about; null if these bytes are no report.</summary>
    public static string? UploadOf(ReadOnlySpan<byte> report)
    {
        try
        {
            var json = JsonElement.Parse(report);
            return json.ValueKind is JsonValueKind.Object && json.TryGetProperty("upload", out var upload) && upload.ValueKind is JsonValueKind.String
                && json.TryGetProperty("faults", out _) ? upload.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The report on a bad upload: JSON in UTF-8, laid out for a person to read.</summary>
    public static byte[] ErrorReport(string path, IReadOnlyList<Fault> faults, string message = NothingStarted, string? jobId = null)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            writer.WriteStartObject();
            writer.WriteString("upload", path);
            if (jobId is not null) writer.WriteString("job", jobId);
            writer.WriteString("message", message);
            writer.WriteStartArray("faults");
            foreach (var fault in faults)
            {
                writer.WriteStartObject();
                writer.WriteString("pointer", fault.Pointer);
                writer.WriteString("code", fault.Code);
                writer.WriteString("message", fault.Message);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    /// <summary>The folder of a path with the <c>/</c> at its end; empty for the root.</summary>
    public static string FolderOf(string path) => path[..(path.LastIndexOf('/') + 1)];

    // Whole characters only.
    private static string CutTo(string name, int mostBytes)
    {
        var (length, bytes) = (0, 0);
        foreach (var rune in name.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > mostBytes) break;
            length += rune.Utf16SequenceLength;
        }
        return name[..length];
    }

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];
}
