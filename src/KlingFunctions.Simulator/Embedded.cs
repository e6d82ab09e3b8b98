using System.Collections.Concurrent;
using System.Reflection;

namespace KlingFunctions.Simulator;

/// <summary>The files inside the assembly: clips, sample images, the model's schema.</summary>
internal static class Embedded
{
    private static readonly Assembly Here = typeof(Embedded).Assembly;
    private static readonly ConcurrentDictionary<string, byte[]?> Read = [];

    public static IEnumerable<string> ImageNames =>
        from name in Here.GetManifestResourceNames()
        where name.StartsWith("images/", StringComparison.Ordinal)
        select name["images/".Length..];

    public static byte[]? Find(string name) => Read.GetOrAdd(name, static name =>
    {
        using var stream = Here.GetManifestResourceStream(name);
        if (stream is null) return null;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    });

    public static byte[] Get(string name) => Find(name) ?? throw new InvalidOperationException($"{name} is not embedded.");

    public static string MediaType(string name) => Path.GetExtension(name) switch
    {
        ".png" => "image/png",
        ".jpg" => "image/jpeg",
        ".webp" => "image/webp",
        ".mp4" => "video/mp4",
        _ => "application/octet-stream",
    };
}
