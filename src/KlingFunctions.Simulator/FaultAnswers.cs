using System.Globalization;
using System.Text;

namespace KlingFunctions.Simulator;

/// <summary>The answer to a client for each fault.</summary>
internal static class FaultAnswers
{
    private const string BrokenJson = "{\"request_id\": \"";

    public static async Task<IResult> Strike(Strike strike, HttpContext http, Simulation simulation, CancellationToken stopping)
    {
        var (kind, behaviour) = (strike.Fault.Kind, strike.Behaviour);
        if (kind == FaultKind.Hang)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
            await simulation.HangAsync(either.Token);
        }
        if (kind is FaultKind.Hang or FaultKind.Dropped) http.Abort();
        if (kind is FaultKind.TooManyRequests or FaultKind.Unavailable) AddRetryAfter(http.Response, behaviour, simulation.Now);
        return kind switch
        {
            FaultKind.Hang or FaultKind.Dropped => Results.Empty,
            FaultKind.Truncated or FaultKind.WrongLength or FaultKind.Halved => new BrokenOff(BrokenJson),
            FaultKind.RequestTimeout => ApiError.RequestTimeout.Answer(behaviour),
            FaultKind.TooManyRequests => ApiError.TooManyRequests.Answer(behaviour),
            FaultKind.ServerError => ApiError.Internal.Answer(behaviour),
            FaultKind.BadGateway => Results.Text(ApiError.Page("502 Bad Gateway"), "text/html", Encoding.UTF8, 502),
            FaultKind.Unavailable => ApiError.Unavailable.Answer(behaviour),
            FaultKind.ErrorInOk => ApiError.Internal.Answer(behaviour with { ErrorsAsOk = true }),
            FaultKind.BrokenJson => Results.Text(BrokenJson, "application/json"),
            FaultKind.EmptyBody => Results.Text("", "application/json"),
            FaultKind.HtmlPage => Results.Text(ApiError.Page("Just a moment"), "text/html"),
            FaultKind.UnknownStatus => Answers.Ok(new() { ["request_id"] = $"{http.GetRouteValue("id")}", ["status"] = "warming_up" }),
            FaultKind.BadToken => ApiError.BadToken(behaviour.BadTokenStatusCode).Answer(behaviour),
            FaultKind.NoBalance => ApiError.NoBalance(behaviour.NoBalanceStatusCode).Answer(behaviour),
            FaultKind.Forbidden => ApiError.Forbidden.Answer(behaviour),
            FaultKind.NotFound => ApiError.NotFound.Answer(behaviour),
            _ => throw new InvalidOperationException($"{kind} strikes nothing."),
        };
    }

    private static void AddRetryAfter(HttpResponse response, Behaviour behaviour, DateTimeOffset now)
    {
        if (behaviour.RetryAfter is not { } wait) return;
        response.Headers.RetryAfter = behaviour.RetryAfterIsDate
            ? (now + behaviour.ClockSkew + wait).ToString("R", CultureInfo.InvariantCulture)
            : Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Announces more than it sends; the server then closes the connection.</summary>
    private sealed class BrokenOff(string beginning) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json";
            httpContext.Response.ContentLength = 1000;
            return httpContext.Response.WriteAsync(beginning, httpContext.RequestAborted);
        }
    }
}
