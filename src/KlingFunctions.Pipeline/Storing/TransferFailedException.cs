namespace KlingFunctions.Pipeline.Storing;

/// <summary>Ends a transfer at any point; <see cref="ResultTransfer"/> turns it into its outcome.</summary>
internal sealed class TransferFailedException(string code, string message, bool mayRetry, Exception? cause = null, bool hasProgressed = false) : Exception(message, cause)
{
    public TransferOutcome.NotStored Outcome { get; } = new(code, message, mayRetry, hasProgressed);
}
