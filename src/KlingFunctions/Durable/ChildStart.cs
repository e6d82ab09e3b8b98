using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Durable;

/// <summary>The input of the activity that starts a child workflow.</summary>
/// <param name="Workflow">The orchestrator's name.</param>
/// <param name="Id">The child's instance id.</param>
/// <param name="Input">The child's input.</param>
public sealed record ChildStart(string Workflow, string Id, JsonElement Input)
{
    /// <summary>The activity. Repeats are harmless: the id is explicit, and an existing instance is left alone.</summary>
    public static readonly Step<ChildStart, bool> Step = new("StartChild", Steps.InfrastructureRetry);
}
