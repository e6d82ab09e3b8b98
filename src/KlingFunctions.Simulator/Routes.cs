using System.Text.Json;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator;

/// <summary>RunComfy's routes.</summary>
internal static class Routes
{
    private static readonly string[] GetOrHead = ["GET", "HEAD"];

    public static void MapModelApi(this IEndpointRouteBuilder app, Simulation simulation)
    {
        app.MapPost("/v1/models/{**model}", (HttpContext http, string model) => Submit(simulation, http, model))
            .As(ApiCall.Submit, simulation);
        app.MapGet("/v1/requests/{id}/status", (HttpContext http, string id) =>
            Known(simulation, simulation.Find(id), (request, behaviour) => Answers.Status(request, behaviour, Host(http))))
            .As(ApiCall.Status, simulation);
        app.MapGet("/v1/requests/{id}/result", (HttpContext http, string id, bool? include_cost) =>
            Known(simulation, simulation.Find(id), (request, behaviour) => Answers.Result(request, behaviour, Host(http), include_cost ?? false)))
            .As(ApiCall.Result, simulation);
        app.MapPost("/v1/requests/{id}/cancel", (string id) => Known(simulation, simulation.Cancel(id), Answers.Cancelled))
            .As(ApiCall.Cancel, simulation);

        var free = app.MapGroup("").AddEndpointFilter((context, next) => Authorised(context, next, simulation));
        free.MapGet("/v1/models", (string? search, string? category, bool? include_schema, int? limit, int? offset) =>
            Answers.Ok(Catalogue.List(search, category, include_schema ?? false, limit ?? 100, offset ?? 0)));
        free.MapGet("/v1/models/categories", () => Answers.Ok(Catalogue.Categories()));
        free.MapGet("/v1/models/{**model}", (string model) =>
            model == Catalogue.ModelId ? Answers.Ok(Catalogue.Entry(withSchema: true)) : ApiError.BadModel.Answer(simulation.Behaviour));
        free.MapGet("/prod/v2/balance", () => Balance(simulation.Behaviour.BalanceUsd - simulation.Account.SpentUsd));

        app.MapMethods("/files/{id}/{name}", GetOrHead, (string id, string name) => Downloads.Find(simulation, id, name))
            .As(ApiCall.Download, simulation);
        app.MapMethods("/moved/files/{id}/{name}", GetOrHead, (string id, string name) =>
            Downloads.Find(simulation, id, name, redirects: false))
            .As(ApiCall.Download, simulation);
    }

    /// <summary>Counts the call and applies a fault to it, if any; then checks the token, except for files, which are public.</summary>
    private static void As(this RouteHandlerBuilder route, ApiCall call, Simulation simulation)
    {
        route.AddEndpointFilter(async (context, next) =>
        {
            var http = context.HttpContext;
            var withToken = http.Request.Headers.Authorization.Count > 0;
            var requestId = http.GetRouteValue("id") as string;
            var number = simulation.Account.Received(call, requestId, withToken);
            if (simulation.Meet(call, requestId, number) is not { } strike) return await next(context);
            var (fault, behaviour) = strike;
            // The handler may need to know that its answer will be lost or damaged.
            http.Features.Set(strike);
            if (fault.Kind == FaultKind.Slow) return new SlowAnswer((IResult)(await next(context))!, behaviour, simulation.Time);
            if (call == ApiCall.Download && fault.Kind is FaultKind.Truncated or FaultKind.WrongLength or FaultKind.Halved)
                return await next(context) is var answer && answer is FileAnswer file ? file.Spoilt(fault.Kind, behaviour) : answer;
            if (fault.Late) await next(context);
            var stopping = http.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
            return await FaultAnswers.Strike(strike, http, simulation, stopping);
        });
        if (call != ApiCall.Download) route.AddEndpointFilter((context, next) => Authorised(context, next, simulation));
    }

    private static async ValueTask<object?> Authorised(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next, Simulation simulation)
    {
        const string Scheme = "Bearer ";
        var behaviour = simulation.Behaviour;
        var header = context.HttpContext.Request.Headers.Authorization.ToString();
        var token = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : "";
        return token.Length > 0 && (behaviour.Tokens.Count == 0 || behaviour.Tokens.Contains(token))
            ? await next(context)
            : ApiError.BadToken(behaviour.BadTokenStatusCode).Answer(behaviour);
    }

    private static async Task<IResult> Submit(Simulation simulation, HttpContext http, string model)
    {
        var behaviour = simulation.Behaviour;
        if (model != Catalogue.ModelId) return ApiError.BadModel.Answer(behaviour);
        JsonElement input;
        try
        {
            using var body = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
            input = body.RootElement.Clone();
        }
        catch (JsonException)
        {
            return ApiError.BadInput(400, [new([], "The body is not JSON")]).Answer(behaviour);
        }
        var faults = ModelInput.Check(input);
        if (faults.Count > 0 && behaviour.BadInput != BadInput.FailsLater)
            return ApiError.BadInput(behaviour.BadInput == BadInput.RejectedWith400 ? 400 : 422, faults).Answer(behaviour);
        var failure = faults.Count > 0 ? $"{string.Join('.', faults[0].Path)}: {faults[0].Message}" : null;
        return simulation.Submit(input, failure, http.Features.Get<Strike>()?.Fault.Kind) is { } request
            ? Answers.Submitted(request, behaviour, Host(http))
            : ApiError.NoBalance(behaviour.NoBalanceStatusCode).Answer(behaviour);
    }

    private static IResult Known(Simulation simulation, Request? request, Func<Request, Behaviour, IResult> answer)
    {
        var behaviour = simulation.Behaviour;
        return request is null ? ApiError.NotFound.Answer(behaviour) : answer(request, behaviour);
    }

    private static IResult Balance(decimal usd) => Answers.Ok(new JsonObject
    {
        ["balance_usd"] = usd,
        ["balance_microdollars"] = (long)(usd * 1_000_000),
        ["currency"] = "USD",
    });

    private static string Host(HttpContext http) => $"{http.Request.Scheme}://{http.Request.Host}";
}
