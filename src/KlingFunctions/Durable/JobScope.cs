using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Durable;

/// <summary>Puts the instance id, which is the job's id or that of its notification, on every line that an activity logs.</summary>
internal sealed class JobScope(ILogger<JobScope> logger) : IFunctionsWorkerMiddleware
{
    private static readonly Func<ILogger, string, IDisposable?> Scope = LoggerMessage.DefineScope<string>("Job {JobId}");

    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        var id = context.BindingContext.BindingData.TryGetValue("instanceId", out var value) ? value as string : null;
        using var scope = id is null ? null : Scope(logger, id.Trim('"'));
        await next(context);
    }
}
