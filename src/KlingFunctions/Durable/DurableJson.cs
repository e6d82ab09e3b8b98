using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Durable;

/// <summary>JSON of the history: the pipeline's types, and the start of a child.</summary>
[JsonSerializable(typeof(object[]))] // Durable Task passes the arguments of an activity as an array.
[JsonSerializable(typeof(ChildStart))]
[JsonSerializable(typeof(Receiver[]))]
internal sealed partial class DurableJson : JsonSerializerContext
{
    /// <summary>Options of the worker's serializer, and of all code that reads its output.</summary>
    public static JsonSerializerOptions ForHistory { get; } = new(PipelineJson.Default.Options)
    {
        // Not Default: it may still be null while this class's static fields are initialized.
        TypeInfoResolver = JsonTypeInfoResolver.Combine(PipelineJson.Default, new DurableJson()),
    };
}
