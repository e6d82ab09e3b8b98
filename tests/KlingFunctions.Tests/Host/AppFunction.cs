using System.Text.Json;
using KlingFunctions.Tests.Host.Protocol;

namespace KlingFunctions.Tests.Host;

/// <summary>A binding of a function, as function.json would have it.</summary>
internal sealed record FunctionBinding(
    string Name,
    string Type,
    string? Direction = null,
    string? AuthLevel = null,
    string[]? Methods = null,
    string? Route = null,
    string? Path = null,
    string? Connection = null,
    string? Source = null,
    string? Schedule = null,
    string? Orchestration = null,
    string? Activity = null);

/// <summary>A function as the app describes it to the host.</summary>
internal sealed record AppFunction(string Name, string Id, IReadOnlyList<FunctionBinding> Bindings)
{
    public FunctionBinding Trigger { get; } = Bindings.Single(b => b.Type.EndsWith("Trigger", StringComparison.OrdinalIgnoreCase));

    public bool IsTriggeredBy(string type) => string.Equals(Trigger.Type, type, StringComparison.OrdinalIgnoreCase);

    public static AppFunction Read(RpcFunctionMetadata metadata) => new(
        metadata.Name, metadata.FunctionId, [.. metadata.RawBindings.Select(b => JsonSerializer.Deserialize<FunctionBinding>(b, JsonSerializerOptions.Web)!)]);
}
