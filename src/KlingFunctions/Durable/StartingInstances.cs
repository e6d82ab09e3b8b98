using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace KlingFunctions.Durable;

/// <summary>Starts an orchestration under an explicit id, so that a repeated start is harmless.</summary>
internal static class StartingInstances
{
    /// <summary>Starts it, unless an instance of this id has one of the given statuses.</summary>
    /// <param name="client">Durable's client.</param>
    /// <param name="orchestrator">The orchestrator's name.</param>
    /// <param name="id">The instance id.</param>
    /// <param name="input">Its input.</param>
    /// <param name="dedupeStatuses">Statuses in which an existing instance is left alone. In any other status it is replaced, even if it
    /// runs.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>False if an existing instance was left alone.</returns>
    public static async Task<bool> TryStartAsync(
        this DurableTaskClient client, string orchestrator, string id, object input, IEnumerable<OrchestrationRuntimeStatus> dedupeStatuses, CancellationToken cancellationToken)
    {
        try
        {
            await client.ScheduleNewOrchestrationInstanceAsync(
                orchestrator, input, new StartOrchestrationOptions(id).WithDedupeStatuses([.. dedupeStatuses]), cancellationToken);
            return true;
        }
        catch (OrchestrationAlreadyExistsException)
        {
            return false;
        }
    }
}
