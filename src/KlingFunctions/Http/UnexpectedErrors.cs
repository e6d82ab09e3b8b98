using Azure;
using Grpc.Core;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Http;

/// <summary>Answers a failed call as Local does: a problem without internal details. Unavailable storage is a 503.</summary>
internal sealed partial class UnexpectedErrors(ILogger<UnexpectedErrors> logger) : IFunctionsWorkerMiddleware
{
    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception e) when (context.GetHttpContext() is not null)
        {
            LogBroken(logger, e, context.FunctionDefinition.Name);
            context.GetInvocationResult().Value = AnswerTo(e, context.GetHttpContext()!);
        }
    }

    private static IResult AnswerTo(Exception e, HttpContext http) => IsStorageAway(e)
        ? Problem.Unavailable(
            http, ProblemCode.StorageUnavailable, "The app can't use its storage at present; its log says why. Nothing that was accepted is lost: try again.")
        : Problem.Unexpected(e);

    // The Durable extension hides failures of its storage behind Unknown or Internal.
    private static bool IsStorageAway(Exception e) => e switch
    {
        RequestFailedException { Status: 0 or 408 or 429 or >= 500 } => true,
        RpcException { StatusCode: StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Unknown or StatusCode.Internal } => true,
        TimeoutException => true,
        AggregateException several => several.InnerExceptions.All(IsStorageAway),
        _ => false,
    };

    [LoggerMessage(LogLevel.Error, "The call of {Function} failed.")]
    private static partial void LogBroken(ILogger logger, Exception e, string function);
}
