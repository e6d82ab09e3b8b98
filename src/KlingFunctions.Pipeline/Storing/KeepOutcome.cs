namespace KlingFunctions.Pipeline.Storing;

/// <summary>What came of keeping a result's files.</summary>
public abstract record KeepOutcome
{
    private KeepOutcome()
    {
    }

    /// <summary>A video is in the store, and with it all else that could be kept.</summary>
    /// <param name="Files">In the order that they were asked for: the primary video first.</param>
    /// <param name="Missing">What could not be kept beside them, one sentence each.</param>
    public sealed record Kept(IReadOnlyList<StoredFile> Files, IReadOnlyList<string> Missing) : KeepOutcome;

    /// <summary>No video could be kept. What is stored stays in the store, and is not fetched again next time.</summary>
    /// <param name="Code">One of <c>video_missing</c>, <c>video_unreachable</c>, <c>video_invalid</c>, <c>video_too_large</c>,
    /// <c>video_host_refused</c>, <c>storage_failed</c>.</param>
    /// <param name="Message">One sentence saying what is wrong, without query strings.</param>
    /// <param name="MayRetry">Whether the same may succeed later without anyone changing anything.</param>
    /// <param name="HasProgressed">Whether more of the video is there than before, which the next time goes on from.</param>
    public sealed record NotKept(string Code, string Message, bool MayRetry, bool HasProgressed = false) : KeepOutcome;
}
