namespace KlingFunctions.Pipeline.Network;

/// <summary>How the pipeline may go out to addresses that callers give. Bound from the section <c>Network</c>.</summary>
public sealed record NetworkOptions
{
    /// <summary>The configuration section these settings come from.</summary>
    public const string Section = "Network";

    /// <summary>
    /// Lets loopback addresses, and plain http to them, through: for demos and tests on one machine. No other address
    /// that is not public is ever let through. Default <see langword="false"/>.
    /// </summary>
    public bool AllowLoopback { get; init; }
}
