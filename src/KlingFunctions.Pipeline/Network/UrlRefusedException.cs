namespace KlingFunctions.Pipeline.Network;

/// <summary>
/// An address, or one that it redirected to, was refused: nothing was sent there. The message is one sentence for the
/// person who gave the address; it holds neither queries nor user info nor what a name resolved to.
/// </summary>
public sealed class UrlRefusedException(string message) : Exception(message);
