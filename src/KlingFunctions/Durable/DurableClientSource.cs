using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Context.Features;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>
/// Hands Durable's client to <see cref="DurableJobs"/>. The host sends what a client needs with each call of a function that has a
/// <see cref="DurableClientAttribute"/> parameter, and in no other way: that is what the parameter is for where a function does not use it.
/// </summary>
internal sealed class DurableClientSource : IFunctionsWorkerMiddleware
{
    private volatile DurableTaskClient? _client;

    /// <summary>The client: of one host there is one.</summary>
    public DurableTaskClient Client =>
        _client ?? throw new InvalidOperationException("A function that needs the jobs lacks a [DurableClient] parameter.");

    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        if (context.FunctionDefinition.InputBindings.Values.Any(b => b.Type.Equals("durableClient", StringComparison.OrdinalIgnoreCase)))
        {
            // All inputs, which are then kept for the function itself: to bind one alone tries converters that are not meant for it, and keeps their failure.
            var inputs = await context.Features.Get<IFunctionInputBindingFeature>()!.BindFunctionInputAsync(context);
            _client = inputs.Values.OfType<DurableTaskClient>().Single();
        }
        await next(context);
    }
}
