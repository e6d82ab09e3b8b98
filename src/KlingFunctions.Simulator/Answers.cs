using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator;

/// <summary>The bodies of the API's answers.</summary>
internal static class Answers
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IResult Ok(JsonObject body, int statusCode = 200) =>
        Results.Text(body.ToJsonString(Readable), "application/json", Encoding.UTF8, statusCode);

    public static IResult Submitted(Request request, Behaviour behaviour, string host) => Ok(new()
    {
        [behaviour.RequestIdField] = request.Id,
        ["status_url"] = Link(request, host, "status"),
        ["result_url"] = Link(request, host, "result"),
        ["cancel_url"] = Link(request, host, "cancel"),
    }, behaviour.SubmitStatusCode);

    public static IResult Status(Request request, Behaviour behaviour, string host)
    {
        var words = behaviour.Words;
        var body = new JsonObject
        {
            ["request_id"] = request.Id,
            ["status"] = request.State switch
            {
                RequestState.InQueue => words.Queued,
                RequestState.InProgress => words.Running,
                RequestState.Cancelled => words.Cancelled,
                RequestState.Failed when behaviour.FailureOnStatus => words.Failed,
                _ => words.Completed,
            },
        };
        if (request.QueuePosition is { } position && !behaviour.OmitsQueuePosition) body["queue_position"] = position;
        body["status_url"] = Link(request, host, "status");
        body["result_url"] = Link(request, host, "result");
        return Ok(body);
    }

    public static IResult Result(Request request, Behaviour behaviour, string host, bool withCost)
    {
        if (!request.IsFinished) return behaviour.NotReadyIsError ? ApiError.NotReady.Answer(behaviour) : Status(request, behaviour, host);
        var words = behaviour.Words;
        var body = new JsonObject { ["request_id"] = request.Id };
        if (request.State == RequestState.Succeeded)
        {
            body["status"] = words.Succeeded;
            body["output"] = Output(request, behaviour, host);
            // Undocumented, but RunComfy's own ComfyUI nodes ask for it.
            if (withCost) body["cost"] = request.PriceUsd;
        }
        else if (request.State == RequestState.Failed)
        {
            body["status"] = words.Failed;
            body["error"] = Failure(request.Failure ?? "", behaviour.FailureShape);
        }
        else body["status"] = words.Cancelled;
        body["created_at"] = Timestamp(request.SubmittedAt);
        body["finished_at"] = Timestamp(request.FinishedAt ?? request.SubmittedAt);
        return Ok(body);
    }

    public static IResult Cancelled(Request request, Behaviour behaviour)
    {
        var cancelled = request.State == RequestState.Cancelled;
        var words = behaviour.Words;
        return Ok(new()
        {
            ["request_id"] = request.Id,
            ["status"] = request.State switch
            {
                RequestState.InQueue => words.Queued,
                RequestState.InProgress => words.Running,
                RequestState.Cancelled when !behaviour.OddCancelStatus => words.Cancelled,
                _ => words.Completed,
            },
            ["outcome"] = cancelled ? "cancelled" : "not_cancellable",
        }, behaviour.CancelStatusCode);
    }

    private static JsonObject Output(Request request, Behaviour behaviour, string host)
    {
        var root = behaviour.FilesBase?.GetLeftPart(UriPartial.Authority) ?? host;
        string File(int number, string extension) => root + Downloads.PathOf(request, number, extension);
        JsonArray Files(string extension) =>
            [.. Enumerable.Range(0, behaviour.OutputCount).Select(number => JsonValue.Create(File(number, extension)))];

        var output = new JsonObject();
        if (behaviour.Outputs.HasFlag(OutputKeys.Video)) output["video"] = File(0, ".mp4");
        if (behaviour.Outputs.HasFlag(OutputKeys.Videos)) output["videos"] = Files(".mp4");
        if (behaviour.Outputs.HasFlag(OutputKeys.Image)) output["image"] = File(0, ".png");
        if (behaviour.Outputs.HasFlag(OutputKeys.Images)) output["images"] = Files(".png");
        return output;
    }

    private static JsonNode Failure(string message, FailureShape shape) => shape switch
    {
        FailureShape.Fields => new JsonObject { ["type"] = "generation_error", ["message"] = message },
        FailureShape.List => new JsonArray(new JsonObject { ["errorCode"] = 500001, ["error"] = message, ["debugInfo"] = "" }),
        _ => JsonValue.Create(message),
    };

    private static string Link(Request request, string host, string what) => $"{host}/v1/requests/{request.Id}/{what}";

    /// <summary>RFC 3339 with microseconds and an offset, as RunComfy's deployments write it.</summary>
    private static string Timestamp(DateTimeOffset at) => at.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffffzzz", CultureInfo.InvariantCulture);
}
