namespace KlingFunctions.Pipeline.Storing;

/// <summary>Ends a transfer from wherever it has got to; <see cref="ResultKeeper"/> turns it into its outcome.</summary>
internal sealed class KeepingFailedException(string code, string message, bool mayRetry, Exception? cause = null, bool hasProgressed = false) : Exception(message, cause)
{
    public KeepOutcome.NotKept Outcome { get; } = new(code, message, mayRetry, hasProgressed);
}
