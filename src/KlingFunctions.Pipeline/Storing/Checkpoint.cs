namespace KlingFunctions.Pipeline.Storing;

/// <summary>Where a transfer stands whose rest a later run fetches. Written down by the store, beside the bytes that came so far.</summary>
/// <param name="RequestId">RunComfy's id of the paid request whose file it is.</param>
/// <param name="Length">So many bytes are written.</param>
/// <param name="Hash">The state of their SHA-256.</param>
/// <param name="Head">The first of them, in Base64: what tells the format.</param>
/// <param name="Validator">The <c>ETag</c> or date under which the server sent them: the rest must have the same.</param>
/// <param name="Total">The length of the whole file, if the server named one.</param>
/// <param name="Boxes">How far its boxes were read.</param>
public sealed record Checkpoint(string RequestId, long Length, string Hash, string Head, string Validator, long? Total, BoxesRead Boxes);

/// <summary>How far the boxes of a file were read.</summary>
/// <param name="Header">The bytes of a header that has begun, in Base64.</param>
/// <param name="Left">So many bytes of the last box are still to come.</param>
/// <param name="IsLost">True once something was met that is no known box.</param>
/// <param name="HasMovie">Whether there was a box that describes the video.</param>
/// <param name="HasData">Whether there was a box that holds it.</param>
public sealed record BoxesRead(string Header, long Left, bool IsLost, bool HasMovie, bool HasData);
