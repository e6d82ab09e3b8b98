using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Context.Features;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>
/// Hands Durable's client to <see cref="DurableJobs"/>. The host sends a client's settings only with calls of functions that have a
/// <see cref="DurableClientAttribute"/> parameter. Functions that do not use their parameter have it for this reason.
/// </summary>
internal sealed class DurableClientSource : IFunctionsWorkerMiddleware
{
    private volatile DurableTaskClient? _client;

    /// <summary>Durable's client, of which a host has one.</summary>
    public DurableTaskClient Client =>
        _client ?? throw new InvalidOperationException("A function that needs the jobs lacks a [DurableClient] parameter.");

    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        if (context.FunctionDefinition.InputBindings.Values.Any(b => b.Type.Equals("durableClient", StringComparison.OrdinalIgnoreCase)))
        {
            // All inputs are bound, and the function reuses them. Binding one alone would try converters of other types and cache their
            // failure.
            var inputs = await context.Features.Get<IFunctionInputBindingFeature>()!.BindFunctionInputAsync(context);
            _client = inputs.Values.OfType<DurableTaskClient>().Single();
        }
        await next(context);
    }
}
