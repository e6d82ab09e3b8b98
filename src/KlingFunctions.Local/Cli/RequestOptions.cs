using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline;

namespace KlingFunctions.Local.Cli;

/// <summary>The options that make up a request. What they hold is checked by the host, which says it better.</summary>
internal sealed class RequestOptions
{
    private readonly Option<string?> _prompt = new("--prompt") { Description = "What happens in the video; refers to @Element1 and @Image1 in order." };

    private readonly Option<string[]> _images = new("--image")
    {
        Description = "The https URL of a reference image: @Image1, and so on for each further --image.",
        HelpName = "URL",
    };

    private readonly Option<string[]> _elements = new("--element")
    {
        Description = "A character or an object: the https URL of its frontal image and of 1 to 4 more, with commas between them. "
            + "@Element1, and so on for each further --element. (URLs that hold commas: use --input.)",
        HelpName = "FRONTAL,REF[,REF...]",
    };

    private readonly Option<string?> _duration = new("--duration") { Description = "5 (default) or 10 seconds." };
    private readonly Option<string?> _aspectRatio = new("--aspect-ratio") { Description = "16:9 (default), 9:16 or 1:1." };
    private readonly Option<string?> _webhook = new("--webhook") { Description = "The https URL that is told when the job ends." };
    private readonly Option<string?> _input = new("--input") { Description = "The whole request as JSON, from a file or from stdin (-).", HelpName = "FILE|-" };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        Option[] single = [_prompt, _images, _elements, _duration, _aspectRatio, _webhook];
        foreach (var option in (Option[])[.. single, _input]) command.Options.Add(option);
        command.Validators.Add(result =>
        {
            var hasSingle = single.Any(option => result.GetResult(option) is { Implicit: false });
            if (result.GetResult(_input) is null)
            {
                if (result.GetResult(_prompt) is null) result.AddError("A request needs --prompt, or --input with the whole of it.");
            }
            else if (hasSingle)
            {
                result.AddError("--input is the whole request: leave the other options about it out.");
            }
        });
    }

    /// <summary>The request as JSON in UTF-8.</summary>
    /// <exception cref="ExitException">The input file can't be read.</exception>
    public async Task<byte[]> ReadAsync(ParseResult parsed, Voice voice, CancellationToken cancel)
    {
        if (parsed.GetValue(_input) is { } file) return await ReadAsync(file, voice, cancel);
        var body = new JsonObject
        {
            ["prompt"] = parsed.GetValue(_prompt),
            ["elements"] = new JsonArray([.. (parsed.GetValue(_elements) ?? []).Select(Element)]),
            ["image_urls"] = Urls(parsed.GetValue(_images) ?? []),
        };
        foreach (var (name, option) in new[] { ("duration", _duration), ("aspect_ratio", _aspectRatio), ("webhook_url", _webhook) })
        {
            if (parsed.GetValue(option) is { } value) body[name] = value;
        }
        return JsonSerializer.SerializeToUtf8Bytes(body, PipelineJson.Default.JsonObject);
    }

    private static JsonObject Element(string urls)
    {
        var parts = urls.Split(',', StringSplitOptions.TrimEntries);
        return new() { ["frontal_image_url"] = parts[0], ["reference_image_urls"] = Urls(parts[1..]) };
    }

    private static JsonArray Urls(string[] urls) => [.. urls.Select(url => (JsonNode)url)];

    private static async Task<byte[]> ReadAsync(string file, Voice voice, CancellationToken cancel)
    {
        try
        {
            if (file is not "-") return await File.ReadAllBytesAsync(file, cancel);
            var body = new MemoryStream();
            await voice.In().CopyToAsync(body, cancel);
            return body.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExitException(ExitCodes.NoInput, $"The request can't be read from '{file}': {e.Message}");
        }
    }
}
