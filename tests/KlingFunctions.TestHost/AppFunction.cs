using System.Text.Json;
using KlingFunctions.TestHost.Protocol;

namespace KlingFunctions.TestHost;

/// <summary>A function's binding, as in function.json.</summary>
internal sealed record FunctionBinding(
    string Name,
    string Type,
    string? AuthLevel = null,
    string? Route = null,
    string? Path = null,
    string? Connection = null,
    string? Source = null,
    string? Schedule = null,
    string? Orchestration = null,
    string? Activity = null)
{
    public bool Is(string type) => string.Equals(Type, type, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A function as the worker describes it to the host.</summary>
internal sealed record AppFunction(string Name, string Id, IReadOnlyList<FunctionBinding> Bindings)
{
    public FunctionBinding Trigger { get; } = Bindings.Single(b => b.Type.EndsWith("Trigger", StringComparison.OrdinalIgnoreCase));

    public static AppFunction Read(RpcFunctionMetadata metadata) => new(
        metadata.Name, metadata.FunctionId, [.. metadata.RawBindings.Select(b => JsonSerializer.Deserialize<FunctionBinding>(b, JsonSerializerOptions.Web)!)]);
}
