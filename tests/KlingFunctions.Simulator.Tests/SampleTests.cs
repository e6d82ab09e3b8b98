using System.Net;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator.Tests;

public class SampleTests
{
    [Fact]
    public async Task Example_request_equals_RunComfys_and_is_accepted()
    {
        await using var provider = await Provider.Start();
        var request = JsonNode.Parse(File.ReadAllText(Samples.Path("request.json")))!;
        var schema = (await provider.Get(Provider.Model)).Json["input_schema"]!["properties"]!;
        foreach (var property in new[] { "prompt", "elements", "image_urls" })
            Assert.True(JsonNode.DeepEquals(schema[property]!["default"], request[property]), property);
        Assert.Equal(HttpStatusCode.OK, (await provider.PostInput(request)).StatusCode);
    }

    [Theory]
    [InlineData("lantern-walk/lantern-walk.json")]
    [InlineData("turntable/_recipe.json")]
    public async Task Upload_is_accepted_once_its_images_have_links(string path)
    {
        await using var provider = await Provider.Start();
        var file = Samples.Path("uploads", path);
        var input = JsonNode.Parse(File.ReadAllText(file))!;
        foreach (var image in Images(input).ToList())
        {
            var name = image.GetValue<string>();
            if (name != "$asset") Assert.True(File.Exists(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(file)!, name)), name);
            image.ReplaceWith($"https://example.com/{name}");
        }
        Assert.Equal(HttpStatusCode.OK, (await provider.PostInput(input)).StatusCode);
    }

    [Fact]
    public void Sample_files_are_small() => Assert.All(
        Directory.EnumerateFiles(Samples.Path(), "*", SearchOption.AllDirectories).Where(file => !IsOfABuild(file)),
        file => Assert.InRange(new FileInfo(file).Length, 1, 150_000));

    private static bool IsOfABuild(string file) => file.Split(Path.DirectorySeparatorChar).Any(folder => folder is "bin" or "obj" or "node_modules");

    private static IEnumerable<JsonNode> Images(JsonNode input) => input["image_urls"]!.AsArray().Concat(
        input["elements"]!.AsArray().SelectMany(element => element!["reference_image_urls"]!.AsArray().Append(element["frontal_image_url"])))!;
}

internal static class Samples
{
    private static readonly string Root = Above(AppContext.BaseDirectory);

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, "samples", .. parts]);

    private static string Above(string directory) =>
        File.Exists(System.IO.Path.Combine(directory, "KlingFunctions.sln")) ? directory
            : Above(System.IO.Path.GetDirectoryName(directory)
                ?? throw new InvalidOperationException("The tests do not lie in the repository."));
}
