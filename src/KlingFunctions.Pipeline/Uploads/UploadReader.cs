using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Json;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Uploads;

/// <summary>Reads uploads into requests whose images may be <see cref="AssetUri"/>s.</summary>
public sealed partial class UploadReader(ModelContract model, RequestReader reader)
{
    /// <summary>The text in a recipe that stands for the image.</summary>
    public const string Placeholder = "$asset";

    // Far more images than a request may have. Further paths are not expanded: a short list could become hundreds of megabytes.
    private const int MostImages = 100;

    /// <summary>
    /// Reads the request at <paramref name="path"/>. Each image that is not an absolute URL is a path relative to the folder of the
    /// request, and becomes an <see cref="AssetUri"/>; a path that leads out of the uploads is a fault.
    /// </summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="utf8Body">The request.</param>
    /// <param name="firstLine">The number of its first line in the file.</param>
    public RequestReading ReadRequest(string path, ReadOnlyMemory<byte> utf8Body, int firstLine = 1)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (JsonBody.Parse(utf8Body.Span, out _) is not { } body) return reader.Read(utf8Body, firstLine: firstLine);
        // A recipe under another name would wait in vain for a file with the name of the placeholder.
        return model.Images(body).Any(image => image.Url == Placeholder)
            ? Refused(FaultCode.NotAllowedValue, $"\"{Placeholder}\" stands for an image in a recipe only: name this file {Upload.RecipeName}, or give the path of the image.")
            : Read(body, path);
    }

    /// <summary>
    /// Inserts the image at <paramref name="imagePath"/> into the recipe of its folder: it replaces each text that is exactly
    /// <see cref="Placeholder"/>. Other images of the recipe may be relative paths, as in a request.
    /// </summary>
    public RequestReading ReadImage(string imagePath, ReadOnlyMemory<byte> utf8Recipe)
    {
        ArgumentNullException.ThrowIfNull(imagePath);
        if (JsonBody.Parse(utf8Recipe.Span, out _) is not { } recipe) return reader.Read(utf8Recipe);
        var places = JsonStrings.In(recipe).Count(text => text.Value == Placeholder);
        if (places == 0)
        {
            return Refused(FaultCode.Required,
                $"The recipe has no place for the image: write \"{Placeholder}\" where its address goes, for example in image_urls.");
        }
        if (places > MostImages)
            return Refused(FaultCode.TooMany, $"The recipe names the image {places:N0} times: write \"{Placeholder}\" only where its address goes.");
        var asset = AssetUri.For(imagePath);
        return Read(JsonStrings.Replace(recipe, (_, text) => text == Placeholder ? asset : text), imagePath);
    }

    private RequestReading Read(JsonElement body, string path)
    {
        if (model.Images(body).Count() > MostImages) return reader.Read(JsonMarshal.GetRawUtf8Value(body).ToArray(), allowAssets: true);
        var folder = Upload.FolderOf(path);
        var rewritten = model.RewriteImages(body, url => url.Length == 0 || Scheme.IsMatch(url) ? url : AssetUri.For(Resolve(folder, url)));
        return reader.Read(JsonMarshal.GetRawUtf8Value(rewritten).ToArray(), allowAssets: true);
    }

    private static RequestReading Refused(string code, string message) => new(null, [new Fault("", code, message)], []);

    // Unresolved ".." stay in the path, so that AssetUri refuses it.
    private static string Resolve(string folder, string relative)
    {
        if (relative.StartsWith('/')) return relative;
        var segments = new List<string>(folder.Split('/', StringSplitOptions.RemoveEmptyEntries));
        foreach (var segment in relative.Split('/'))
        {
            if (segment is "" or ".") continue;
            if (segment == ".." && segments.Count > 0 && segments[^1] != "..") segments.RemoveAt(segments.Count - 1);
            else segments.Add(segment);
        }
        return string.Join('/', segments);
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9+.-]*:", RegexOptions.CultureInvariant)]
    private static partial Regex Scheme { get; }
}
