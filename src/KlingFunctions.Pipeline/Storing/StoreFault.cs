using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Tells the store's failures from the network's, which look the same (an <see cref="IOException"/>) and mean something else.
/// </summary>
internal static class StoreFault
{
    public static async Task<T> WrapAsync<T>(Func<Task<T>> store, CancellationToken ct)
    {
        try
        {
            return await store();
        }
        catch (Exception e) when (!(e is OperationCanceledException && ct.IsCancellationRequested))
        {
            // Its own message may hold paths or addresses; it goes to the log with the cause, not to the job's owner.
            throw new KeepingFailedException(ErrorCodes.StorageFailed, "The result could not be written to the store.", mayRetry: true, e);
        }
    }
}
