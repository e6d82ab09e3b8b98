using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>
/// Names and paths of uploads. A path is relative to the root of the uploads, with <c>/</c> between folders, and case-sensitive.
/// </summary>
public static class Upload
{
    /// <summary>The name of the file with the request for the images of its folder.</summary>
    public const string RecipeName = "_recipe.json";

    internal const string NothingStarted = "No video was started and nothing was paid. Correct the faults and upload the file again.";

    private const string ErrorExtension = ".error.json";

    private static readonly string[] ImageExtensions = [".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".webp"];

    // Formats of cameras, phones and image editors.
    private static readonly string[] OtherImageExtensions =
    [
        ".heic", ".heif", ".hif", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jxl", ".jp2", ".jpx", ".j2k", ".svg", ".ico", ".psd", ".tga",
        ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".apng",
    ];

    // The longest file name on nearly all file systems, in bytes; and of a blob, in characters.
    private const int MaxNameBytes = 255;
    private const int MaxPathLength = 1_024;

    // People read reports in an editor, not in a browser's page.
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The kind of the file at <paramref name="path"/>.</summary>
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
            _ when EndsWith(".jsonl") => UploadKind.Batch,
            _ when ImageExtensions.Any(EndsWith) => UploadKind.Image,
            _ when OtherImageExtensions.Any(EndsWith) => UploadKind.UnsupportedImage,
            _ => UploadKind.Other,
        };
    }

    /// <summary>Whether a file, or a folder above it, belongs to a system: see <see cref="SystemNames"/>.</summary>
    public static bool IsHidden(string path) => path.Split('/').Any(SystemNames.Contains);

    /// <summary>The path of the recipe for an image at <paramref name="imagePath"/>: beside it.</summary>
    public static string RecipePath(string imagePath) => FolderOf(imagePath) + RecipeName;

    /// <summary>
    /// The id of the job that an upload starts: the same for the same content under the same path, a different one for new content, and
    /// valid in a URL.
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
    /// An id for all layouts of the same request: editors change white space when they save a file. A request is on record under this id too.
    /// </summary>
    /// <param name="path">The path of the request.</param>
    /// <param name="meaning">A hash of its meaning: see <see cref="Requests.Json.CanonicalJson"/>.</param>
    internal static string MeaningId(string path, string meaning) => JobId(path, $"means {meaning}");

    /// <summary>
    /// The path of the report on a bad upload: <c>name.error.json</c> for <c>name.json</c>, <c>name.png.error.json</c> for <c>name.png</c>,
    /// so that reports on a request and on an image of the same name do not overwrite each other. A name that would be too long is cut, and
    /// gets a hash.
    /// </summary>
    /// <param name="path">The upload.</param>
    /// <param name="request">The number of its request, from 1: <c>name.jsonl.3.error.json</c>. Null: the upload as a whole.</param>
    public static string ErrorReportPath(string path, int? request = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var (folder, name) = (FolderOf(path), NameOf(path));
        if (KindOf(path) == UploadKind.Request) name = name[..^".json".Length];
        var end = request is { } number ? string.Create(CultureInfo.InvariantCulture, $".{number}{ErrorExtension}") : ErrorExtension;
        if (Encoding.UTF8.GetByteCount(name) + end.Length > MaxNameBytes || path.Length + end.Length > MaxPathLength)
        {
            var mark = $"~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(NameOf(path))))[..8]}";
            var most = Math.Min(MaxNameBytes, MaxPathLength - folder.Length) - end.Length - mark.Length;
            name = CutTo(name, most) + mark;
        }
        return folder + name + end;
    }

    /// <summary>The upload that a report is about; null if these bytes are not a report.</summary>
    public static string? UploadOf(ReadOnlySpan<byte> report) => AboutOf(report)?.Upload;

    /// <summary>The upload that a report is about, with the number of its request; null if these bytes are not a report.</summary>
    public static (string Upload, int? Request)? AboutOf(ReadOnlySpan<byte> report)
    {
        try
        {
            var json = JsonElement.Parse(report);
            if (json.ValueKind is not JsonValueKind.Object || !json.TryGetProperty("upload", out var upload) || upload.ValueKind is not JsonValueKind.String
                || !json.TryGetProperty("faults", out _)) return null;
            return (upload.GetString()!, json.TryGetProperty("request", out var request) && request.TryGetInt32(out var number) ? number : null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The report on a bad upload: JSON in UTF-8, indented for people.</summary>
    public static byte[] ErrorReport(string path, IReadOnlyList<Fault> faults, string message = NothingStarted, string? jobId = null, int? request = null)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            writer.WriteStartObject();
            writer.WriteString("upload", path);
            if (request is { } number) writer.WriteNumber("request", number);
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

    // Never cuts within a character.
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
