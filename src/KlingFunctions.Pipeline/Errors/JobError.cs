namespace KlingFunctions.Pipeline.Errors;

/// <summary>Why a job failed.</summary>
/// <param name="Code">One of <see cref="ErrorCodes"/>.</param>
/// <param name="Message">One or two sentences: the cause and what to do.</param>
/// <param name="Details">The single faults, where there are several.</param>
public sealed record JobError(string Code, string Message, IReadOnlyList<Fault>? Details = null);
