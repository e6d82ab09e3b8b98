using System.Diagnostics.CodeAnalysis;

namespace KlingFunctions.Pipeline.Errors;

/// <summary>One thing that is wrong with a request, or, as a warning, worth a second look.</summary>
/// <param name="Pointer">
/// Where: an RFC 6901 JSON pointer into the body; empty for the body as a whole. A missing property is pointed at where it should be.
/// </param>
/// <param name="Code">What, for programs: one of <see cref="FaultCode"/>.</param>
/// <param name="Message">What, and how to put it right, for people: a sentence without secrets.</param>
[SuppressMessage("Naming", "CA1720", Justification = "RFC 6901 calls it a pointer, and so does the HTTP contract.")]
public sealed record Fault(string Pointer, string Code, string Message);
