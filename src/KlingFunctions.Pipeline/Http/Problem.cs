using KlingFunctions.Pipeline.Errors;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>An error for clients: RFC 9457, with a code to branch on and one entry for each fault.</summary>
/// <param name="Type">A URI for the kind of problem.</param>
/// <param name="Title">The kind of problem in a few words.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What is wrong here and how to fix it.</param>
/// <param name="Code">The code to branch on.</param>
/// <param name="Errors">The single faults.</param>
/// <param name="Id">The job's id, where there is one.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail, string Code, IReadOnlyList<Fault>? Errors = null, string? Id = null)
{
    private const string RetryAfterSeconds = "10";

    /// <summary>An answer with this problem.</summary>
    public static IResult Result(int status, string code, string detail, IReadOnlyList<Fault>? errors = null, string? id = null) =>
        Result(Of(status, code, detail, errors, id));

    /// <summary>An answer with this problem.</summary>
    internal static IResult Result(Problem problem) =>
        Results.Json(problem, PipelineJson.Default.Problem, "application/problem+json", problem.Status);

    /// <summary>The problem alone, as one of several answers.</summary>
    internal static Problem Of(int status, string code, string detail, IReadOnlyList<Fault>? errors = null, string? id = null) =>
        new($"urn:klingfunctions:problem:{code}", TitleOf(status, code), status, detail, code, errors, id);

    /// <summary>The answer after an unhandled exception, which is only logged: the caller learns nothing of the host's internals.</summary>
    public static IResult Unexpected(Exception? thrown) => thrown is BadHttpRequestException bad
        ? Result(bad.StatusCode, ProblemCode.BadRequest, "The request could not be read as HTTP.")
        : Result(StatusCodes.Status500InternalServerError, ErrorCodes.InternalError, "The host failed to answer; its log says why. Nothing that was accepted is lost.");

    /// <summary>503 with <c>Retry-After</c>: storage or the engine is unavailable, and nothing was accepted.</summary>
    public static IResult Unavailable(HttpContext http, string code, string detail)
    {
        http.Response.Headers.RetryAfter = RetryAfterSeconds;
        return Result(StatusCodes.Status503ServiceUnavailable, code, detail);
    }

    /// <summary>400 with one entry for each fault.</summary>
    internal static IResult Faults(IReadOnlyList<Fault> faults) => Result(OfFaults(faults));

    internal static Problem OfFaults(IReadOnlyList<Fault> faults)
    {
        var code = faults.All(f => f.Code.StartsWith("image_", StringComparison.Ordinal)) ? faults[0].Code : ErrorCodes.InvalidRequest;
        var detail = faults.Count == 1 ? faults[0].Message : $"The request has {faults.Count} faults: see 'errors'. The first: {faults[0].Message}";
        return Of(StatusCodes.Status400BadRequest, code, detail, faults);
    }

    internal static IResult NotFound(string id) => Result(OfNotFound(id));

    internal static Problem OfNotFound(string id) =>
        Of(StatusCodes.Status404NotFound, ProblemCode.NotFound, $"There is no video '{id}' here. Check the id; GET /api/videos lists those that there are.");

    internal static string TitleOf(int status, string code) => status switch
    {
        _ when code is ProblemCode.IdempotencyKeyReused => "The key stands for another request",
        _ when code is ProblemCode.UnsupportedEncoding => "The body is compressed",
        400 => "The request is not valid",
        401 => "A key is needed",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Method not allowed",
        409 => "Not possible now",
        413 => "The body is too large",
        415 when code is ProblemCode.NotAnImage => "The body is no image",
        415 => "The body is not JSON",
        422 => "The video could not be made",
        429 => "Too many requests",
        503 => "Not available now",
        _ => "The host failed",
    };
}
