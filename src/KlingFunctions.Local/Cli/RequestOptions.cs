using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline;

namespace KlingFunctions.Local.Cli;

/// <summary>The options that form a request. The host checks their values.</summary>
internal sealed class RequestOptions
{
    private readonly Option<string?> _prompt = new("--prompt") { Description = "What happens in the video; refers to @Element1 and @Image1 in order." };

    private readonly Option<string[]> _images = new("--image")
    {
        Description = "A reference image, as a file of this machine or an https URL: @Image1, and so on for each further --image.",
        HelpName = "FILE|URL",
    };

    private readonly Option<string[]> _elements = new("--element")
    {
        Description = "A character or an object: its frontal image and 1 to 4 more, as files or https URLs with commas between them. "
            + "@Element1, and so on for each further --element. (Names that hold commas: use --input.)",
        HelpName = "FRONTAL,REF[,REF...]",
    };

    private readonly Option<string?> _duration = new("--duration") { Description = "5 (default) or 10 seconds.", HelpName = "SECONDS" };
    private readonly Option<string?> _aspectRatio = new("--aspect-ratio") { Description = "16:9 (default), 9:16 or 1:1.", HelpName = "RATIO" };
    private readonly Option<string?> _webhook = new("--webhook") { Description = "The https URL that is notified when the job ends." };
    private readonly Option<string?> _input = new("--input") { Description = "The whole request as JSON, from a file or from stdin (-).", HelpName = "FILE|-" };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="instead">An option that replaces all of them.</param>
    public void AddTo(Command command, Option? instead = null)
    {
        _duration.CompletionSources.Add("5", "10");
        _aspectRatio.CompletionSources.Add("16:9", "9:16", "1:1");
        ClientCommand.RefuseEmpty(_duration, _aspectRatio, _webhook, _input);
        Option[] single = [_prompt, _images, _elements, _duration, _aspectRatio, _webhook];
        foreach (var option in (Option[])[.. single, _input]) command.Options.Add(option);
        command.Validators.Add(result =>
        {
            var hasSingle = single.Any(option => result.GetResult(option) is { Implicit: false });
            if (instead is not null && result.GetResult(instead) is { Implicit: false })
            {
                if (hasSingle || result.GetResult(_input) is not null) result.AddError($"{instead.Name} has the whole requests: leave out the other options of a request.");
            }
            else if (result.GetResult(_input) is null)
            {
                if (result.GetResult(_prompt) is null) result.AddError("A request needs --prompt, or --input with the whole request.");
            }
            else if (hasSingle)
            {
                result.AddError("--input is the whole request: leave out its other options.");
            }
        });
    }

    /// <summary>The request as JSON in UTF-8. Images on this machine are uploaded to the host first.</summary>
    /// <exception cref="ExitException">The input file, or an image, can't be read.</exception>
    public async Task<byte[]> ReadAsync(ParseResult parsed, Deployment deployment, CommandOutput commandOutput, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_input) is { } file) return await ReadAsync(file, commandOutput, cancellationToken);
        var body = new JsonObject
        {
            ["prompt"] = parsed.GetValue(_prompt),
            ["elements"] = new JsonArray(),
            ["image_urls"] = await UrlsAsync(parsed.GetValue(_images) ?? []),
        };
        foreach (var element in parsed.GetValue(_elements) ?? [])
        {
            var urls = await UrlsAsync(element.Split(',', StringSplitOptions.TrimEntries));
            var frontal = urls[0];
            urls.RemoveAt(0);
            body["elements"]!.AsArray().Add(new JsonObject { ["frontal_image_url"] = frontal, ["reference_image_urls"] = urls });
        }
        foreach (var (name, option) in new[] { ("duration", _duration), ("aspect_ratio", _aspectRatio), ("webhook_url", _webhook) })
        {
            if (parsed.GetValue(option) is { } value) body[name] = value;
        }
        return JsonSerializer.SerializeToUtf8Bytes(body, PipelineJson.Default.JsonObject);

        async Task<JsonArray> UrlsAsync(string[] images)
        {
            var urls = new JsonArray();
            if (images.Any(string.IsNullOrWhiteSpace)) throw new ExitException(ExitCodes.NoInput, "An --image or --element names no image: give a file or an https URL.");
            foreach (var image in images) urls.Add((JsonNode)await LocalImage.UrlOfAsync(image, deployment, cancellationToken));
            return urls;
        }
    }

    /// <summary>The bytes of a file, or of stdin (-).</summary>
    /// <exception cref="ExitException">The file can't be read.</exception>
    public static async Task<byte[]> ReadAsync(string file, CommandOutput commandOutput, CancellationToken cancellationToken)
    {
        // .NET would report that access is denied.
        if (Directory.Exists(file)) throw new ExitException(ExitCodes.NoInput, $"'{file}' is a folder: name a file in it.");
        try
        {
            if (file is not "-") return await File.ReadAllBytesAsync(file, cancellationToken);
            var body = new MemoryStream();
            await commandOutput.In().CopyToAsync(body, cancellationToken);
            return body.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ExitException(ExitCodes.NoInput, $"The request can't be read from '{file}': {e.Message}");
        }
    }
}
