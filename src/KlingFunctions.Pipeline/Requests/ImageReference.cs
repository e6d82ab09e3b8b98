using System.Diagnostics.CodeAnalysis;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>An image in a request.</summary>
/// <param name="Pointer">Its place in the request, as an RFC 6901 JSON pointer.</param>
/// <param name="Url">Its address: https, or <see cref="AssetUri"/> before links are made. Its query may be a secret.</param>
/// <param name="Limits">The limits at this place.</param>
[SuppressMessage("Naming", "CA1720", Justification = "RFC 6901 calls it a pointer, and so does the HTTP contract.")]
public sealed record ImageReference(string Pointer, string Url, ImageLimits Limits);
