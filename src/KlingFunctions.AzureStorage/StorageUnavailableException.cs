namespace KlingFunctions.AzureStorage;

/// <summary>The storage can't be used: the message is a sentence that says why and what to do.</summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What the storage said.</param>
public sealed class StorageUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
