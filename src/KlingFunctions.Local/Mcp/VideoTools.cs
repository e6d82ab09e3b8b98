using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.RunComfy;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace KlingFunctions.Local.Mcp;

/// <summary>The host's routes as tools. Each makes one call, or a few quick ones; none waits for a video.</summary>
internal sealed class VideoTools(Deployment deployment, TimeProvider time)
{
    private const string IdempotencyKey = "idempotency_key";

    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    /// <summary>All tools.</summary>
    public IEnumerable<McpServerTool> All() =>
    [
        // Not read-only: images of this machine are stored at the host before they are checked.
        Tool(
            "validate", "Check a request", "Checks a request as 'submit' does, its images too. Nothing is submitted, nothing is paid. Answers with the price.",
            RequestSchema.Create(), new() { ReadOnlyHint = false, DestructiveHint = false, IdempotentHint = true, OpenWorldHint = true }, ValidateAsync),
        // Destructive in the protocol's sense: no call brings the spent money back. The key makes a repeat harmless.
        Tool(
            "submit", "Make a video (paid)",
            "Submits a request: each video COSTS MONEY at RunComfy, unless the host simulates it. Call 'validate' or 'price' first, and let the user agree to the price. "
            + "Answers at once with the job's id and price; the video takes minutes: ask 'status'.",
            SubmitSchema(), new() { ReadOnlyHint = false, DestructiveHint = true, IdempotentHint = true, OpenWorldHint = true }, SubmitAsync),
        Tool(
            "status", "Look at a job", "Shows the current state of a job: its status, error, price, expected end, and what can be done next.",
            Schema(("id", Id, true)), Reads(openWorld: false), StatusAsync),
        Tool(
            "list", "List jobs", "Lists jobs, newest first.",
            Schema(
                ("status", "Only those in this status, such as failed.", false), ("created_after", "Only those created then or later: an ISO 8601 time.", false),
                ("created_before", "Only those created before then: an ISO 8601 time.", false), ("limit", "At most so many: 1 to 100, 20 by default.", false),
                ("cursor", "The next_cursor of the page before.", false)),
            Reads(openWorld: false), ListAsync),
        Tool(
            "cancel", "Cancel a job", "Asks a job to stop. RunComfy cancels only jobs in its queue; a job that it is generating continues, and is paid.",
            Schema(("id", Id, true)), new() { ReadOnlyHint = false, DestructiveHint = true, IdempotentHint = true, OpenWorldHint = true },
            (arguments, cancellationToken) => ActAsync(arguments, "cancel", null, "Cancel requested: ask 'status' for the result.", cancellationToken)),
        Tool(
            "resume", "Resume a failed job (may be paid)",
            "Continues a failed job from where it failed. A job that was never submitted is submitted then, and 'resubmit' submits again: both COST MONEY. "
            + "A submission in doubt needs request_id or resubmit.",
            Schema(
                ("id", Id, true), ("request_id", "For a submission in doubt: RunComfy's id of the request, from its Generations page.", false),
                ("resubmit", "For a submission in doubt: true submits again, and pays again. Ask the user first.", false)),
            new() { ReadOnlyHint = false, DestructiveHint = true, IdempotentHint = false, OpenWorldHint = true }, ResumeAsync),
        Tool(
            "content", "Get a video",
            "Gives the URL of a succeeded job's video, and with 'file' saves it on this machine. An existing file is never overwritten.",
            Schema(
                ("id", Id, true), ("name", "Another file of the result, by its name in 'outputs'.", false),
                ("file", "The absolute path of a new file to save it in, such as /home/me/walk.mp4.", false)),
            new() { ReadOnlyHint = false, DestructiveHint = false, IdempotentHint = true, OpenWorldHint = false }, ContentAsync),
        Tool(
            "price", "Look up the price", "Says what a video costs. Nothing is submitted, nothing is paid.",
            Schema(("duration", "The length of the video in seconds: 5 (default) or 10.", false)), Reads(openWorld: true), PriceAsync),
    ];

    private const string Id = "The job's id, as 'submit' and 'list' give it.";

    private static ToolAnnotations Reads(bool openWorld) => new() { ReadOnlyHint = true, DestructiveHint = false, IdempotentHint = true, OpenWorldHint = openWorld };

    private async Task<ToolAnswer> ValidateAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        var answer = await deployment.PostAsync("/api/videos/validate", await RequestAsync(arguments, cancellationToken), cancellationToken);
        return new(answer.Body, $"The request is valid. Price: {PriceText.Of(answer.As<ValidationResult>().Price)}. Nothing was submitted.");
    }

    private async Task<ToolAnswer> SubmitAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        var key = Text(arguments, IdempotencyKey)
            ?? throw new ExitException(ExitCodes.Usage, $"{IdempotencyKey} is missing: give any text, a new one for each new video. Nothing was submitted.");
        arguments.Remove(IdempotencyKey);
        var answer = await deployment.PostAsync("/api/videos", await RequestAsync(arguments, cancellationToken), cancellationToken, key);
        var job = answer.As<VideoResource>();
        return new(answer.Body, $"{job.Id} is {JsonWord.Of(job.Status)}. Price: {PriceText.Of(job.Price)}. {Next(job)}");
    }

    private async Task<ToolAnswer> StatusAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        var answer = await deployment.GetAsync(PathOf(arguments), cancellationToken);
        return new(answer.Body, Next(answer.As<VideoResource>()));
    }

    private async Task<ToolAnswer> ListAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        var query = QueryString.Create(arguments.Select(argument => KeyValuePair.Create(argument.Key, (string?)argument.Value?.ToString())).Where(argument => argument.Value is not null));
        var answer = await deployment.GetAsync($"/api/videos{query}", cancellationToken);
        var page = answer.As<VideoPage>();
        return new(answer.Body, $"{page.Videos.Count} jobs{(page.NextCursor is null ? "" : "; there are more: pass next_cursor as cursor")}.");
    }

    private async Task<ToolAnswer> ResumeAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        var wanted = new ResumeRequest(Text(arguments, "request_id"), Text(arguments, "resubmit") is "true");
        var body = JsonSerializer.SerializeToUtf8Bytes(wanted, PipelineJson.Default.ResumeRequest);
        return await ActAsync(arguments, "resume", body, "The job continues: ask 'status'.", cancellationToken);
    }

    private async Task<ToolAnswer> ActAsync(JsonObject arguments, string action, byte[]? body, string sentence, CancellationToken cancellationToken) =>
        new((await deployment.PostAsync($"{PathOf(arguments)}/{action}", body, cancellationToken)).Body, sentence);

    private async Task<ToolAnswer> ContentAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        var job = (await deployment.GetAsync(PathOf(arguments), cancellationToken)).As<VideoResource>();
        if (job.Video is null) throw new ExitException(ExitCodes.BadData, $"There is no video: the job is {JsonWord.Of(job.Status)}. {Next(job)}");
        var video = Download.FileOf(job, Text(arguments, "name") ?? job.Video.Name);
        var json = JsonSerializer.SerializeToUtf8Bytes(video, PipelineJson.Default.VideoFile);
        if (Text(arguments, "file") is not { } file)
            return new(json, "The url needs the host's key in the header x-functions-key, if it has one; 'content' with 'file' saves the video.");
        if (File.Exists(file)) throw new ExitException(ExitCodes.CantCreate, $"'{file}' exists already: name a new file.");
        if (Download.FaultOf(file) is { } fault) throw new ExitException(ExitCodes.CantCreate, fault);
        await new Download(deployment, time).ToFileAsync(job.Id, video, file, cancellationToken);
        return new(json, $"Saved as {Path.GetFullPath(file)}.");
    }

    private async Task<ToolAnswer> PriceAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        // A request without images, so that the host fetches nothing to check it.
        var request = new JsonObject { ["prompt"] = "What does this cost?", ["duration"] = Text(arguments, "duration") ?? "5" };
        var answer = await deployment.PostAsync("/api/videos/validate", Bytes(request), cancellationToken);
        var price = answer.As<ValidationResult>().Price;
        return new(JsonSerializer.SerializeToUtf8Bytes(price ?? Price.Unknown, PipelineJson.Default.Price), $"Price: {PriceText.Of(price)}.");
    }

    /// <summary>The request's body. Images of this machine are stored at the host first; the host makes all other checks.</summary>
    private async Task<byte[]> RequestAsync(JsonObject arguments, CancellationToken cancellationToken)
    {
        await StoreAsync(arguments["image_urls"]);
        foreach (var element in (arguments["elements"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (element["frontal_image_url"] is JsonValue frontal && frontal.TryGetValue(out string? image))
                element["frontal_image_url"] = await LocalImage.UrlOfAsync(image, deployment, cancellationToken);
            await StoreAsync(element["reference_image_urls"]);
        }
        return Bytes(arguments);

        async Task StoreAsync(JsonNode? list)
        {
            if (list is not JsonArray images) return;
            for (var i = 0; i < images.Count; i++)
            {
                if (images[i] is JsonValue value && value.TryGetValue(out string? image)) images[i] = await LocalImage.UrlOfAsync(image, deployment, cancellationToken);
            }
        }
    }

    /// <summary>The next step for the caller.</summary>
    private string Next(VideoResource job)
    {
        if (job.Status is JobStatus.Succeeded) return "The video is stored: get it with 'content'.";
        if (job.Error is { } error) return $"{error.Message}{(job.Links.ContainsKey("resume") ? " 'resume' can continue it." : "")}";
        if (job.Status > JobStatus.Storing) return $"The job is {JsonWord.Of(job.Status)}.";
        var left = job.ExpectedAt is { } expected ? expected - time.GetUtcNow() : TimeSpan.Zero;
        var pause = left < ShortestPause ? ShortestPause : left > LongestPause ? LongestPause : left;
        return $"The job is running: ask 'status' again in {Math.Ceiling(pause.TotalSeconds)} seconds.";
    }

    private static string PathOf(JsonObject arguments) => Text(arguments, "id") is { } id
        ? $"/api/videos/{Uri.EscapeDataString(id)}"
        : throw new ExitException(ExitCodes.Usage, "id is missing: 'submit' and 'list' give it.");

    private static string? Text(JsonObject arguments, string name) => arguments[name]?.ToString() is { Length: > 0 } text ? text : null;

    private static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    private static JsonObject SubmitSchema()
    {
        var schema = RequestSchema.Create();
        schema["properties"]![IdempotencyKey] = new JsonObject
        {
            ["type"] = "string",
            ["description"] = "Any text, a new one for each new video: the same key with the same request is the same job, paid once. Repeat it if an answer was lost.",
        };
        schema["required"]!.AsArray().Add(IdempotencyKey);
        return schema;
    }

    private static JsonObject Schema(params (string Name, string Description, bool IsRequired)[] arguments) => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject(arguments.Select(argument => KeyValuePair.Create(
            argument.Name,
            (JsonNode?)new JsonObject { ["type"] = argument.Name is "resubmit" ? "boolean" : "string", ["description"] = argument.Description }))),
        ["required"] = new JsonArray([.. arguments.Where(argument => argument.IsRequired).Select(argument => (JsonNode)argument.Name)]),
        ["additionalProperties"] = false,
    };

    private VideoTool Tool(
        string name, string title, string description, JsonObject schema, ToolAnnotations annotations, Func<JsonObject, CancellationToken, Task<ToolAnswer>> run)
    {
        annotations.Title = title;
        var inputSchema = JsonSerializer.SerializeToElement(schema, PipelineJson.Default.JsonObject);
        return new(new() { Name = name, Title = title, Description = description, InputSchema = inputSchema, Annotations = annotations }, run, time);
    }
}
