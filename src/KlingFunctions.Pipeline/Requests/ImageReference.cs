using System.Diagnostics.CodeAnalysis;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>An image that a request uses.</summary>
/// <param name="Pointer">Where the request names it, as an RFC 6901 JSON pointer.</param>
/// <param name="Url">Its address: https, or <see cref="AssetUri"/> before links are made. Its query may be a secret.</param>
/// <param name="Limits">What it must be like there.</param>
[SuppressMessage("Naming", "CA1720", Justification = "RFC 6901 calls it a pointer, and so does the HTTP contract.")]
public sealed record ImageReference(string Pointer, string Url, ImageLimits Limits);
