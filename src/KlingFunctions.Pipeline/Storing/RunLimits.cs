namespace KlingFunctions.Pipeline.Storing;

/// <summary>Time limits of one run of the store step, below the host's own timeout: a later run continues.</summary>
/// <param name="Soft">For a transfer that can be resumed.</param>
/// <param name="Hard">For one that would have to start over.</param>
internal sealed record RunLimits(CancellationToken Soft, CancellationToken Hard);
