using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline;

namespace KlingFunctions.Durable;

/// <summary>How the history is written down: as the pipeline writes JSON, and the start of a child beside it.</summary>
[JsonSerializable(typeof(ChildStart))]
internal sealed partial class DurableJson : JsonSerializerContext
{
    /// <summary>For the worker's serialiser, and for all that reads what it wrote.</summary>
    public static JsonSerializerOptions ForHistory { get; } = new(PipelineJson.Default.Options)
    {
        TypeInfoResolver = JsonTypeInfoResolver.Combine(PipelineJson.Default, Default),
    };
}
