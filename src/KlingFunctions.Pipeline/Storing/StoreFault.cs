using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Separates the store's failures from the network's: both are an <see cref="IOException"/>, but need different handling.
/// </summary>
internal static class StoreFault
{
    public static async Task<T> WrapAsync<T>(Func<Task<T>> store, CancellationToken cancellationToken)
    {
        try
        {
            return await store();
        }
        catch (Exception e) when (!(e is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            // The exception's message may contain paths or addresses: it goes to the log with the cause, not to the job's owner.
            throw new TransferFailedException(ErrorCodes.StorageFailed, "The result could not be written to the store.", mayRetry: true, e);
        }
    }
}
