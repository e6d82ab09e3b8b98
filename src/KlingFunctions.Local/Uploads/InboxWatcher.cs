using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Uploads;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Starts a job for each request, and for each image beside a recipe, that lands in the inbox. It looks rather than listens: file events
/// differ by system and get lost, a look does not. The job's id comes from path and version, so a second look starts nothing twice.
/// </summary>
internal sealed partial class InboxWatcher(
    InboxFolder inbox, UploadReader reader, JobIntake intake, HostAddress address, TimeProvider time, ILogger<InboxWatcher> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly HashSet<InboxFile> _done = [];

    // Those that wait and of which the log has said so.
    private readonly HashSet<InboxFile> _told = [];
    private HashSet<InboxFile> _before = [];

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
            LogLookFailed(logger, e, inbox.Root);
        }
    }

    private async Task<bool> TryTakeAsync(InboxFile file, CancellationToken cancel)
    {
        try
        {
            return await TakeAsync(file, cancel);
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            // It is locked, or the journal can't be written. It holds no other up, and has its turn again at the next look.
            if (_told.Add(file)) LogTakeFailed(logger, e, file.Path);
            return false;
        }
    }

    /// <summary>Starts a job for a file, or says what is wrong with it; false if it is to be looked at again.</summary>
    private async Task<bool> TakeAsync(InboxFile file, CancellationToken cancel)
    {
        if (await ReadAsync(file, cancel) is not { } reading) return false;
        if (reading.Request is null)
        {
            await inbox.WriteAsync(Upload.ErrorReportPath(file.Path), Upload.ErrorReport(file.Path, reading.Faults), cancel);
            LogRefused(logger, file.Path, reading.Faults.Count, Upload.ErrorReportPath(file.Path));
            return true;
        }
        var id = Upload.JobId(file.Path, file.ETag);
        switch (await intake.HandInAsync(id, reading, address.Value, file.Path, cancel))
        {
            case Intake.DayIsFull:
                if (_told.Add(file)) LogDayIsFull(logger, file.Path);
                return false;
            default:
                LogTaken(logger, file.Path, id);
                return true;
        }
    }

    /// <summary>What a file asks for; null if it asks for nothing, as yet: an image without a recipe.</summary>
    private async Task<RequestReading?> ReadAsync(InboxFile file, CancellationToken cancel)
    {
        if (Upload.KindOf(file.Path) is UploadKind.Image)
        {
            return await inbox.ReadAsync(Upload.RecipePath(file.Path), cancel) is { } recipe ? reader.ReadImage(file.Path, recipe) : null;
        }
        return await inbox.ReadAsync(file.Path, cancel) is { } body ? reader.ReadRequest(file.Path, body) : null;
    }

    [LoggerMessage(LogLevel.Information, "The upload {Path} is job {JobId}.")]
    private static partial void LogTaken(ILogger logger, string path, string jobId);

    [LoggerMessage(LogLevel.Warning, "The upload {Path} has {Count} faults and starts nothing: see {Report} beside it.")]
    private static partial void LogRefused(ILogger logger, string path, int count, string report);

    [LoggerMessage(LogLevel.Warning, "The upload {Path} waits: as many jobs as Pipeline:MaxJobsPerDay allows were accepted today.")]
    private static partial void LogDayIsFull(ILogger logger, string path);

    [LoggerMessage(LogLevel.Error, "The upload {Path} could not be taken; it is tried again every second until it can.")]
    private static partial void LogTakeFailed(ILogger logger, Exception e, string path);

    [LoggerMessage(LogLevel.Error, "The inbox {Root} could not be looked at; the next look is in a second.")]
    private static partial void LogLookFailed(ILogger logger, Exception e, string root);
}
