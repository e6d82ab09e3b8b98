using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace KlingFunctions.Simulator;

/// <summary>The simulator's own routes: the account, the knobs, the sample images.</summary>
internal static class ControlRoutes
{
    private const string About = """
        This is a simulator of RunComfy's Model API for kling/kling-video-o1/image-to-video/reference.
        No video is generated and nothing is paid.

        POST /v1/models/kling/kling-video-o1/image-to-video/reference    with any bearer token
        GET  /v1/requests/{id}/status    /v1/requests/{id}/result        POST /v1/requests/{id}/cancel
        GET  /v1/models    /v1/models/categories    /v1/models/{model_id}    /prod/v2/balance

        GET  /simulator/knobs               every knob with its values, and three recipes
        GET  /simulator/account             the calls, the accepted requests, the money
        GET  /simulator/behaviour           the knobs; PUT sets them (the others get their defaults), PATCH changes some:
                                            {"weather": {"seed": 7}} gives calls temporary faults
        POST /simulator/reset               deletes all requests and resets the knobs
        GET  /simulator/images/{name}       sample images:
        """;

    public static void MapControl(this IEndpointRouteBuilder app, Simulation simulation)
    {
        var control = app.MapGroup("/simulator");
        control.MapGet("", () => Results.Text($"{About} {string.Join(", ", Embedded.ImageNames)}\n", "text/plain", Encoding.UTF8));
        control.MapGet("knobs", () => Results.Bytes(Embedded.Get("simulator.md"), "text/plain; charset=utf-8"));
        control.MapGet("account", () => Answers.Ok(Report(simulation)));
        control.MapGet("behaviour", () => Answers.Ok(Json(simulation.Behaviour)));
        control.MapPut("behaviour", (HttpRequest request) => Change(simulation, request, _ => new()));
        control.MapPatch("behaviour", (HttpRequest request) => Change(simulation, request, behaviour => behaviour));
        control.MapPost("reset", () =>
        {
            simulation.Reset();
            return Results.NoContent();
        });
        control.MapMethods("images/{name}", ["GET", "HEAD"], (string name) => Embedded.Find($"images/{name}") is { } image
            ? Results.Bytes(image, Embedded.MediaType(name), enableRangeProcessing: true)
            : Results.NotFound());
    }

    private static async Task<IResult> Change(Simulation simulation, HttpRequest request, Func<Behaviour, Behaviour> from)
    {
        try
        {
            if (await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted) is not JsonObject changes)
                throw new JsonException("The body must be a JSON object with the knobs to set.");
            if (Knobs.Fault(changes) is { } fault) throw new JsonException(fault);
            simulation.Change(behaviour => Merge(Json(from(behaviour)), changes).Deserialize(ControlJson.Default.Behaviour) ?? behaviour);
            return Answers.Ok(Json(simulation.Behaviour));
        }
        catch (JsonException problem)
        {
            // The library's message names .NET types, which mean nothing to the user of a knob.
            var wrong = problem.Path is { Length: > 2 } path ? $"The value of '{path[2..]}' is not valid for this knob: see GET /simulator/knobs." : problem.Message;
            return Results.Text(wrong, "text/plain", Encoding.UTF8, 400);
        }
    }

    private static JsonObject Json(Behaviour behaviour) =>
        JsonSerializer.SerializeToNode(behaviour, ControlJson.Default.Behaviour)!.AsObject();

    private static JsonObject Merge(JsonObject onto, JsonObject changes)
    {
        foreach (var (name, value) in changes)
        {
            onto[name] = onto[name] is JsonObject inner && value is JsonObject part
                ? Merge(inner.DeepClone().AsObject(), part)
                : value?.DeepClone();
        }
        return onto;
    }

    private static JsonObject Report(Simulation simulation)
    {
        var account = simulation.Account;
        var report = JsonSerializer.SerializeToNode(account, ControlJson.Default.Account)!.AsObject();
        report["balance_usd"] = simulation.Behaviour.BalanceUsd - account.SpentUsd;
        report["calls"] = new JsonObject(
            Enum.GetValues<ApiCall>().Select(call => KeyValuePair.Create($"{call}", (JsonNode?)account.Calls(call))));
        return report;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(Behaviour))]
[JsonSerializable(typeof(Account))]
internal sealed partial class ControlJson : JsonSerializerContext;
