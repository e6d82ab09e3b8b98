using System.Text;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator;

/// <summary>An error of the API: RunComfy's numeric code, and a sentence.</summary>
internal sealed record ApiError(int StatusCode, int Code, string Message, IReadOnlyList<InputFault>? Detail = null)
{
    public static readonly ApiError BadModel = new(400, 400001, "InvalidResourceIdentifier: no such model_id");
    public static readonly ApiError NotReady = new(400, 400005, "The result is not ready");
    public static readonly ApiError Forbidden = new(403, 403001, "PermissionDeniedError: the request belongs to another user");
    public static readonly ApiError NotFound = new(404, 404001, "ResourceNotFound: the request is unknown, deleted or expired");
    public static readonly ApiError RequestTimeout = new(408, 408001, "Request timeout");
    public static readonly ApiError TooManyRequests = new(429, 429001, "Too many requests");
    public static readonly ApiError Internal = new(500, 500001, "Internal error");
    public static readonly ApiError Unavailable = new(503, 503001, "Service unavailable");

    public static ApiError BadToken(int statusCode) =>
        new(statusCode, statusCode == 400 ? 400004 : 401001, "UserAccountError: the token is missing, expired or invalid");

    public static ApiError NoBalance(int statusCode) =>
        new(statusCode, statusCode == 400 ? 400002 : 10001, "InsufficientResources: the balance does not suffice");

    public static ApiError BadInput(int statusCode, IReadOnlyList<InputFault> faults) =>
        new(statusCode, 422001, "The input does not match the model's schema", faults);

    /// <summary>The answer, in the shape set by the behaviour.</summary>
    public IResult Answer(Behaviour behaviour) => behaviour.ErrorShape switch
    {
        ErrorShape.ErrorMessage => Json(behaviour, new() { ["error_code"] = Code, ["error_message"] = Message }),
        ErrorShape.CodeMessage => Json(behaviour, new() { ["code"] = Code, ["message"] = Message }),
        ErrorShape.DetailArray => Json(behaviour, new() { ["detail"] = Details() ?? new JsonArray(Entry(["body"], Message)) }),
        ErrorShape.PlainText => Text(behaviour, $"{Message} ({Code})", "text/plain"),
        ErrorShape.Html => Text(behaviour, Page($"{StatusCode} {Message}"), "text/html"),
        _ => Json(behaviour, Details() is { } details
            ? new() { ["error_code"] = Code, ["message"] = Message, ["detail"] = details }
            : new() { ["error_code"] = Code, ["message"] = Message }),
    };

    public static string Page(string title) =>
        $"<!DOCTYPE html><html><head><title>{title}</title></head><body><center><h1>{title}</h1></center><hr></body></html>";

    private IResult Json(Behaviour behaviour, JsonObject body) => Text(behaviour, body.ToJsonString(), "application/json");

    private IResult Text(Behaviour behaviour, string body, string mediaType) =>
        Results.Text(body, mediaType, Encoding.UTF8, behaviour.ErrorsAsOk ? 200 : StatusCode);

    private JsonArray? Details() => Detail is null ? null : [.. Detail.Select(fault => Entry(["body", .. fault.Path], fault.Message))];

    private static JsonObject Entry(IEnumerable<string> path, string message) => new()
    {
        ["loc"] = new JsonArray(
            [.. path.Select(step => int.TryParse(step, out var index) ? JsonValue.Create(index) : JsonValue.Create(step))]),
        ["msg"] = message,
        ["type"] = "value_error",
    };
}
