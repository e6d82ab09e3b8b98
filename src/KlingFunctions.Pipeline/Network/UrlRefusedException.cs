namespace KlingFunctions.Pipeline.Network;

/// <summary>
/// An address, or the target of its redirect, was refused: nothing was sent there. The message is one sentence for the person who gave
/// the address; it contains neither queries nor user info nor resolved addresses.
/// </summary>
internal sealed class UrlRefusedException(string message) : Exception(message);
