using System.Text.Json;
using Microsoft.Azure.Functions.Worker.Extensions.DurableTask.Http;
using Microsoft.DurableTask;
using Microsoft.Extensions.Primitives;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// An orchestrator that makes one HTTP call with the published worker's <c>CallHttpAsync</c>: after a 202 it polls <c>Location</c>, with a
/// durable timer of <c>Retry-After</c>, until another answer comes. The Durable extension in the host makes the calls.
/// </summary>
internal sealed class HttpCall : ITaskOrchestrator
{
    /// <summary>The orchestrator's name.</summary>
    public const string Name = "HttpCall";

    public Type InputType => typeof(JsonElement);

    public Type OutputType => typeof(JsonElement);

    public async Task<object?> RunAsync(TaskOrchestrationContext context, object? input)
    {
        var call = (JsonElement)input!;
        var request = new DurableHttpRequest(new(call.GetProperty("method").GetString()!), new(call.GetProperty("url").GetString()!))
        {
            AsynchronousPatternEnabled = true,
            Headers = call.GetProperty("headers").EnumerateObject().ToDictionary(h => h.Name, h => new StringValues(h.Value.GetString())),
            Content = call.GetProperty("content").GetString(),
        };
        var answer = await context.CallHttpAsync(request);
        return JsonSerializer.SerializeToElement(new Dictionary<string, string?> { ["status"] = answer.StatusCode.ToString(), ["content"] = answer.Content });
    }
}
