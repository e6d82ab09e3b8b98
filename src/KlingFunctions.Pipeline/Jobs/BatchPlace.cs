namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A job's place in its batch.</summary>
/// <param name="Id">The batch.</param>
/// <param name="Index">The number of the item, from 0.</param>
public sealed record BatchPlace(string Id, int Index);
