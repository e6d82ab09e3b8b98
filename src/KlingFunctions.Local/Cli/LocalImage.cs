using System.Text.RegularExpressions;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Local.Cli;

/// <summary>Images on this machine, which are uploaded to the host with <c>POST /api/assets</c>.</summary>
internal static partial class LocalImage
{
    /// <summary>The image's URL for a request: that of its asset if it is a file on this machine, otherwise the argument itself.</summary>
    /// <exception cref="ExitException">The file is not an image, can't be read, or is refused by the host.</exception>
    public static async Task<string> UrlOfAsync(string image, Deployment deployment, CancellationToken cancellationToken)
    {
        if (!File.Exists(image))
        {
            if (image.Length == 0 || Scheme.IsMatch(image)) return image;
            throw new ExitException(
                ExitCodes.NoInput,
                Directory.Exists(image) ? $"'{image}' is a folder: name an image in it." : $"There is no file '{image}': give the path of an image, or an https URL.");
        }
        try
        {
            return (await deployment.PostFileAsync("/api/assets", await ReadAsync(image, cancellationToken), cancellationToken)).As<Asset>().Url;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExitException(ExitCodes.NoInput, $"The image '{image}' can't be read: {e.Message}");
        }
        catch (RefusedException refused)
        {
            throw new ExitException(ExitCodes.Of(refused.Status), $"{image}: {refused.Problem?.Detail ?? refused.Message}");
        }
    }

    /// <summary>Reads only image files: an agent may name any file, and other files must not leave this machine.</summary>
    private static async Task<byte[]> ReadAsync(string image, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(image);
        if (file.Length == 0) throw new ExitException(ExitCodes.BadData, $"'{image}' is empty: it was not sent.");
        var signature = new byte[MediaFormat.HeadLength];
        var count = await file.ReadAtLeastAsync(signature, signature.Length, throwOnEndOfStream: false, cancellationToken);
        if (!IsImage(signature.AsSpan(0, count))) throw new ExitException(ExitCodes.BadData, $"'{image}' is not a JPEG, PNG or WebP image: it was not sent.");
        if (file.Length > AssetRoutes.MaxBytes)
            throw new ExitException(ExitCodes.BadData, $"'{image}' has more than {AssetRoutes.MaxBytes / 1_000_000} MB: make it smaller. It was not sent.");
        file.Position = 0;
        var bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }

    // At least two letters: one is a drive of Windows.
    [GeneratedRegex("^[A-Za-z][A-Za-z0-9+.-]+:", RegexOptions.CultureInvariant)]
    private static partial Regex Scheme { get; }

    private static bool IsImage(ReadOnlySpan<byte> head) => MediaFormat.Recognise(head)?.ContentType is "image/jpeg" or "image/png" or "image/webp";
}
