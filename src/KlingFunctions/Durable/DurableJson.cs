using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Durable;

/// <summary>How the history is written down: as the pipeline writes JSON, and the start of a child beside it.</summary>
[JsonSerializable(typeof(object[]))] // Durable Task passes the arguments of an activity as an array.
[JsonSerializable(typeof(ChildStart))]
[JsonSerializable(typeof(Receiver[]))]
internal sealed partial class DurableJson : JsonSerializerContext
{
    /// <summary>For the worker's serialiser, and for all that reads what it wrote.</summary>
    public static JsonSerializerOptions ForHistory { get; } = new(PipelineJson.Default.Options)
    {
        // Not Default: that may not be there yet while the statics of this class are made.
        TypeInfoResolver = JsonTypeInfoResolver.Combine(PipelineJson.Default, new DurableJson()),
    };
}
