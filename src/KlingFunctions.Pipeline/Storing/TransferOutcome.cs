namespace KlingFunctions.Pipeline.Storing;

/// <summary>The outcome of storing a result's files.</summary>
internal abstract record TransferOutcome
{
    private TransferOutcome()
    {
    }

    /// <summary>A video is in the store, and every other file that could be stored.</summary>
    /// <param name="Files">In the requested order: the primary video first.</param>
    /// <param name="Missing">The files that could not be stored, one sentence each.</param>
    public sealed record Stored(IReadOnlyList<StoredFile> Files, IReadOnlyList<string> Missing) : TransferOutcome;

    /// <summary>No video could be stored. Files stored so far stay, and are not downloaded again.</summary>
    /// <param name="Code">One of <c>video_missing</c>, <c>video_unreachable</c>, <c>video_invalid</c>, <c>video_too_large</c>,
    /// <c>video_host_refused</c>, <c>storage_failed</c>.</param>
    /// <param name="Message">The cause in one sentence, without query strings.</param>
    /// <param name="MayRetry">Whether a retry may succeed without any change.</param>
    /// <param name="HasProgressed">Whether this run got more of the video, from which the next one resumes.</param>
    public sealed record NotStored(string Code, string Message, bool MayRetry, bool HasProgressed = false) : TransferOutcome;
}
