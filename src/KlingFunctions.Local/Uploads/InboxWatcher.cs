using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Starts a job for each request, and for each image beside a recipe, that lands in the inbox. It looks rather than listens: file events
/// differ by system and get lost, a look does not. The job's id comes from path and version, so a second look starts nothing twice.
/// </summary>
internal sealed partial class InboxWatcher(
    InboxFolder inbox, UploadIntake intake, HostAddress address, TimeProvider time, ILogger<InboxWatcher> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly HashSet<UploadedFile> _done = [];

    // Those that wait and of which the log has said so.
    private readonly HashSet<UploadedFile> _told = [];
    private HashSet<UploadedFile> _before = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            await address.WhenKnownAsync(stoppingToken);
            do
            {
                await LookAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>One look. A file is taken when two looks in a row see it the same: it is then no longer being written.</summary>
    internal async Task LookAsync(CancellationToken cancel)
    {
        try
        {
            var now = inbox.Files().ToHashSet();
            foreach (var file in now.Where(f => _before.Contains(f) && !_done.Contains(f)))
            {
                if (await TryTakeAsync(file, cancel)) _done.Add(file);
            }
            _done.IntersectWith(now);
            _told.IntersectWith(now);
            _before = now;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogLookFailed(logger, inbox.Root, e.Message);
        }
    }

    private async Task<bool> TryTakeAsync(UploadedFile file, CancellationToken cancel)
    {
        try
        {
            // An image may wait for its recipe.
            return await intake.TakeAsync(file.Path, address.Public, cancel) is not UploadOutcome.NoRecipe;
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            // It is locked, or the journal can't be written. It holds no other up, and has its turn again at the next look.
            if (_told.Add(file)) LogTakeFailed(logger, e is IOException or JournalException ? null : e, file.Path, e.Message);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Error, "The upload {Path} could not be taken; it is tried again every second until it can. {Reason}")]
    private static partial void LogTakeFailed(ILogger logger, Exception? e, string path, string reason);

    [LoggerMessage(LogLevel.Error, "The inbox {Root} could not be looked at; the next look is in a second. {Reason}")]
    private static partial void LogLookFailed(ILogger logger, string root, string reason);
}
