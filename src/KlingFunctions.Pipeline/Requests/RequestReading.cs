using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>The result of reading a body.</summary>
/// <param name="Request">The request; <see langword="null"/> if, and only if, there are faults.</param>
/// <param name="Faults">Every fault, at once.</param>
/// <param name="Warnings">Accepted values that are probably not what the caller meant.</param>
public sealed record RequestReading(VideoRequest? Request, IReadOnlyList<Fault> Faults, IReadOnlyList<Fault> Warnings);
