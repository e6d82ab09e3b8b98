using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Durable;

/// <summary>What the activity that starts a child needs to know.</summary>
/// <param name="Workflow">Which orchestrator.</param>
/// <param name="Id">Under which instance id.</param>
/// <param name="Input">Its input.</param>
public sealed record ChildStart(string Workflow, string Id, JsonElement Input)
{
    /// <summary>The activity: harmless to repeat, for the id is explicit and what is there is left as it is.</summary>
    public static readonly Step<ChildStart, bool> Step = new("StartChild", Steps.Patient);
}
