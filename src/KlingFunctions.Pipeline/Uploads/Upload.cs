using System.Buffers;
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

    // Read by people in an editor, not by browsers in a page.
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What the file at <paramref name="path"/> is.</summary>
    public static UploadKind KindOf(string path)
    {
        var name = NameOf(path);
        bool EndsWith(string end) => name.EndsWith(end, StringComparison.OrdinalIgnoreCase);
        return name switch
        {
            _ when name.StartsWith('.') => UploadKind.Other,
            _ when EndsWith(ErrorExtension) => UploadKind.ErrorReport,
            _ when name.Equals(RecipeName, StringComparison.OrdinalIgnoreCase) => UploadKind.Recipe,
            _ when EndsWith(".json") => UploadKind.Request,
            _ when EndsWith(".jpg") || EndsWith(".jpeg") || EndsWith(".png") || EndsWith(".webp") => UploadKind.Image,
            _ => UploadKind.Other,
        };
    }

    /// <summary>Where the recipe for an image at <paramref name="imagePath"/> would be: beside it.</summary>
    public static string RecipePath(string imagePath) => FolderOf(imagePath) + RecipeName;

    /// <summary>
    /// The id of the job that an upload starts: the same for every event about the same version of the same file, another for each new
    /// version, and fit for a URL.
    /// </summary>
    /// <param name="path">The path of the request or the image.</param>
    /// <param name="etag">The version of the file: its ETag, with or without quotes.</param>
    public static string JobId(string path, string etag)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(etag);
        return JobIntake.IdOf($"{path.TrimStart('/')}\n{etag.Trim('"')}");
    }

    /// <summary>
    /// Where the report on a bad upload goes: <c>name.error.json</c> for <c>name.json</c>, <c>name.png.error.json</c> for <c>name.png</c>,
    /// so that the reports on a request and on an image of the same name do not overwrite one another.
    /// </summary>
    public static string ErrorReportPath(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return (KindOf(path) == UploadKind.Request ? path[..^".json".Length] : path) + ErrorExtension;
    }

    /// <summary>The report on a bad upload: JSON in UTF-8, laid out for a person to read.</summary>
    public static byte[] ErrorReport(string path, IReadOnlyList<Fault> faults, string message = NothingStarted)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            writer.WriteStartObject();
            writer.WriteString("upload", path);
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

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];
}
