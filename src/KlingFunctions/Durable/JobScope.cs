using System.Diagnostics;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Durable;

/// <summary>
/// Adds the instance id (of the job or of its notification) to each log line of an activity, and to the worker's span of it.
/// </summary>
internal sealed class JobScope(ILogger<JobScope> logger) : IFunctionsWorkerMiddleware
{
    private static readonly Func<ILogger, string, IDisposable?> Scope = LoggerMessage.DefineScope<string>("Job {JobId}");

    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        var id = context.BindingContext.BindingData.TryGetValue("instanceId", out var value) ? (value as string)?.Trim('"') : null;
        if (id is not null) JobTrace.Tag(Activity.Current, id);
        using var scope = id is null ? null : Scope(logger, id);
        await next(context);
    }
}
