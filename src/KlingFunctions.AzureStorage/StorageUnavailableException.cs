namespace KlingFunctions.AzureStorage;

/// <summary>Storage can't be used. The message is one sentence with the cause and the fix.</summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">The storage's own error.</param>
public sealed class StorageUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
