using KlingFunctions.Pipeline.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Http;

/// <summary>Answers a call that broke as Local does: a problem, and nothing of the host's inside.</summary>
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
            context.GetInvocationResult().Value = Problem.Unexpected(e);
        }
    }

    [LoggerMessage(LogLevel.Error, "The call of {Function} broke.")]
    private static partial void LogBroken(ILogger logger, Exception e, string function);
}
