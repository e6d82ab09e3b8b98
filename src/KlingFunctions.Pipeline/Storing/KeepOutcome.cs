namespace KlingFunctions.Pipeline.Storing;

/// <summary>What came of keeping a result's files.</summary>
public abstract record KeepOutcome
{
    private KeepOutcome()
    {
    }

    /// <summary>Every file is in the store.</summary>
    /// <param name="Files">In the order that they were asked for: the primary video first.</param>
    public sealed record Kept(IReadOnlyList<StoredFile> Files) : KeepOutcome;

    /// <summary>A file could not be kept. Those before it stay in the store, and are not fetched again next time.</summary>
    /// <param name="Code">One of <c>video_missing</c>, <c>video_unreachable</c>, <c>video_invalid</c>, <c>video_too_large</c>,
    /// <c>video_host_refused</c>, <c>storage_failed</c>.</param>
    /// <param name="Message">One sentence saying what is wrong, without query strings.</param>
    /// <param name="MayRetry">Whether the same may succeed later without anyone changing anything.</param>
    public sealed record NotKept(string Code, string Message, bool MayRetry) : KeepOutcome;
}
