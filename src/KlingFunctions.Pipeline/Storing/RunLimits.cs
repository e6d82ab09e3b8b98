namespace KlingFunctions.Pipeline.Storing;

/// <summary>When one run of the store step ends, lest the host ends it: what is not done by then, a later run goes on with.</summary>
/// <param name="Soft">For a transfer that can be gone on with.</param>
/// <param name="Hard">For one that can't be, and would have to start over.</param>
internal sealed record RunLimits(CancellationToken Soft, CancellationToken Hard);
