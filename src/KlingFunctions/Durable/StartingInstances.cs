using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>Starts an orchestration under an explicit id, which is what makes a repeated start harmless.</summary>
internal static class StartingInstances
{
    /// <summary>Starts it.</summary>
    /// <param name="client">Durable's client.</param>
    /// <param name="orchestrator">Which orchestrator.</param>
    /// <param name="id">The instance id.</param>
    /// <param name="input">Its input.</param>
    /// <param name="kept">In which statuses an instance of this id is left as it is. In any other it would be replaced, running or not.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <returns>False if one is there, and is left as it is.</returns>
    public static async Task<bool> TryStartAsync(
        this DurableTaskClient client, string orchestrator, string id, object input, IEnumerable<OrchestrationRuntimeStatus> kept, CancellationToken cancel)
    {
        try
        {
            await client.ScheduleNewOrchestrationInstanceAsync(
                orchestrator, input, new StartOrchestrationOptions(id).WithDedupeStatuses([.. kept]), cancel);
            return true;
        }
        catch (OrchestrationAlreadyExistsException)
        {
            return false;
        }
    }
}
