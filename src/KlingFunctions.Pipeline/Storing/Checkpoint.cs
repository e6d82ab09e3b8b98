namespace KlingFunctions.Pipeline.Storing;

/// <summary>The state of an interrupted transfer that a later run resumes. The store saves it beside the bytes received so far.</summary>
/// <param name="RequestId">RunComfy's id of the paid request that made the file.</param>
/// <param name="Length">The number of bytes written.</param>
/// <param name="Hash">The state of their SHA-256.</param>
/// <param name="Head">The first of them, in Base64: they show the format.</param>
/// <param name="Validator">The server's <c>ETag</c> or date for these bytes: the rest must have the same.</param>
/// <param name="Total">The length of the whole file, if the server named one.</param>
/// <param name="Boxes">The state of the box reader.</param>
public sealed record Checkpoint(string RequestId, long Length, string Hash, string Head, string Validator, long? Total, BoxesRead Boxes);

/// <summary>The state of the box reader.</summary>
/// <param name="Header">The bytes of an incomplete box header, in Base64.</param>
/// <param name="Left">The number of bytes of the last box still to come.</param>
/// <param name="IsLost">True after an unknown box.</param>
/// <param name="HasMovie">Whether a box describes the video.</param>
/// <param name="HasData">Whether a box holds its data.</param>
public sealed record BoxesRead(string Header, long Left, bool IsLost, bool HasMovie, bool HasData);
