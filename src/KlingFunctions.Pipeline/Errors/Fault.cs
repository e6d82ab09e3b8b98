using System.Diagnostics.CodeAnalysis;

namespace KlingFunctions.Pipeline.Errors;

/// <summary>One fault in a request, or, as a warning, a probable mistake.</summary>
/// <param name="Pointer">
/// The place, as an RFC 6901 JSON pointer into the body; empty for the body as a whole. For a missing property, its expected place.
/// </param>
/// <param name="Code">The code for programs: one of <see cref="FaultCode"/>.</param>
/// <param name="Message">One sentence for people, without secrets: what is wrong and how to fix it.</param>
[SuppressMessage("Naming", "CA1720", Justification = "RFC 6901 calls it a pointer, and so does the HTTP contract.")]
public sealed record Fault(string Pointer, string Code, string Message);
