using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>What reading a body came to.</summary>
/// <param name="Request">The request; <see langword="null"/> if, and only if, there are faults.</param>
/// <param name="Faults">Everything that is wrong, at once.</param>
/// <param name="Warnings">What is taken but is probably not what the caller meant.</param>
public sealed record RequestReading(VideoRequest? Request, IReadOnlyList<Fault> Faults, IReadOnlyList<Fault> Warnings);
