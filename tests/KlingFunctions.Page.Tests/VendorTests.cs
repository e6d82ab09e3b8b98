using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using KlingFunctions.Pipeline.Page;

namespace KlingFunctions.Page.Tests;

/// <summary>Third-party libraries of the page are unchanged copies from their packages, with licences.</summary>
public sealed class VendorTests
{
    private const string Folder = "page/vendor/";

    private static readonly Assembly Pipeline = typeof(PageRoutes).Assembly;

    [Fact]
    public void Vendored_files_are_as_listed_and_have_their_licences()
    {
        using var list = JsonDocument.Parse(Read("vendor.json"));
        var listed = list.RootElement.EnumerateArray().Select(v => (
            File: v.GetProperty("file").GetString()!, Sha256: v.GetProperty("sha256").GetString()!, Licence: v.GetProperty("licence_file").GetString()!)).ToList();
        Assert.All(listed, v => Assert.Equal(v.Sha256, Convert.ToHexStringLower(SHA256.HashData(Read(v.File)))));
        Assert.All(listed, v => Assert.NotEmpty(Read(v.Licence)));
        Assert.Equal(
            listed.SelectMany(v => new[] { v.File, v.Licence }).Append("vendor.json").Order(StringComparer.Ordinal),
            Pipeline.GetManifestResourceNames().Where(n => n.StartsWith(Folder, StringComparison.Ordinal)).Select(n => n[Folder.Length..]).Order(StringComparer.Ordinal));
    }

    private static byte[] Read(string name)
    {
        using var stream = Pipeline.GetManifestResourceStream(Folder + name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
