using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Local.Uploads;

/// <summary>
/// Starts a job for each request in the inbox, and for each image beside a recipe. It scans, because file events differ between systems and
/// get lost. The job's id comes from path and content, so a second scan starts nothing twice.
/// </summary>
internal sealed partial class InboxWatcher(
    InboxFolder inbox, UploadIntake intake, ListenAddress address, TimeProvider time, ILogger<InboxWatcher> logger) : BackgroundService
{
    /// <summary>How long an incomplete file must be unchanged before it is reported. It is still used if the rest arrives later.</summary>
    internal static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(5);

    // Most failures pass at once, so the first tries are at each scan.
    private const int TriesInARow = 10;

    private readonly SemaphoreSlim _oneLook = new(1);
    private readonly Dictionary<string, Sighting> _seen = new(StringComparer.Ordinal);

    // Reports in the inbox by path and version, each with its upload; null for files that only look like a report.
    private readonly Dictionary<(string Path, string ETag), string?> _reports = [];
    private readonly HashSet<string> _unreadable = new(StringComparer.Ordinal);
    private HashSet<(string Path, string ETag)>? _accepted;
    private bool _isAway;
    private bool _scanFailed;

    public override void Dispose()
    {
        _oneLook.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            await address.WhenKnownAsync(stoppingToken);
            CreateInbox();
            do
            {
                await ScanAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    /// <summary>
    /// Scans once. A file is read when two scans in a row see it unchanged, and used when it is complete.
    /// </summary>
    internal async Task ScanAsync(CancellationToken cancellationToken)
    {
        await _oneLook.WaitAsync(cancellationToken);
        try
        {
            if (inbox.Scan() is { } content)
            {
                if (_isAway) LogBack(logger, inbox.Root);
                _isAway = false;
                await LookAtAsync(content, cancellationToken);
                _scanFailed = false;
            }
            else if (!_isAway)
            {
                _isAway = true;
                LogAway(logger, inbox.Root);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_scanFailed) LogScanFailed(logger, inbox.Root, e.Message);
            _scanFailed = true;
        }
        finally
        {
            _oneLook.Release();
        }
    }

    private async Task LookAtAsync(InboxContent content, CancellationToken cancellationToken)
    {
        _accepted ??= [.. inbox.AcceptedFiles()];
        var recipes = content.Files.Where(f => Upload.KindOf(f.Path) is UploadKind.Recipe)
            .GroupBy(f => Upload.FolderOf(f.Path), f => f.ETag, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => string.Join(',', g), StringComparer.Ordinal);
        foreach (var file in content.Files)
        {
            if (Upload.KindOf(file.Path) is UploadKind.Recipe or UploadKind.ErrorReport) continue;
            if (!_seen.TryGetValue(file.Path, out var sighting) || sighting.File != file)
            {
                _seen[file.Path] = new(file, time.GetUtcNow());
                continue;
            }
            if (_accepted.Contains((file.Path, file.ETag))) continue;
            var recipe = recipes.GetValueOrDefault(Upload.FolderOf(file.Path));
            if (sighting.IsDue(time.GetUtcNow(), recipe)) await TryTakeAsync(sighting, recipe, cancellationToken);
        }
        await ReportUnreadableAsync(content, cancellationToken);
        var present = content.Files.Select(f => f.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var gone in _seen.Keys.Where(path => !present.Contains(path)).ToList()) _seen.Remove(gone);
        await DeleteStaleReportsAsync(content, present, cancellationToken);
    }

    private async Task TryTakeAsync(Sighting sighting, string? recipe, CancellationToken cancellationToken)
    {
        var file = sighting.File;
        var wholeBy = sighting.Since + QuietTime;
        try
        {
            var outcome = await intake.AcceptAsync(file.Path, address.Public, mayGrow: time.GetUtcNow() < wholeBy, cancellationToken);
            if (outcome is UploadOutcome.Started) _accepted!.Add((file.Path, file.ETag));
            sighting.Rest(recipe, outcome is UploadOutcome.Unfinished ? wholeBy : null);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The file is locked, or the journal or its report can't be written. Other files continue.
            var failures = sighting.Fail(time.GetUtcNow());
            if (failures == 1) LogReadFailed(logger, e is IOException or JournalException ? null : e, file.Path, e.Message);
        }
    }

    private async Task ReportUnreadableAsync(InboxContent content, CancellationToken cancellationToken)
    {
        _unreadable.IntersectWith(content.Unreadable.Keys);
        foreach (var (path, reason) in content.Unreadable)
        {
            if (!_unreadable.Add(path)) continue;
            LogUnreadable(logger, path, reason);
            try
            {
                await intake.RefuseAsync(path, FaultCode.NotAllowedValue, reason, cancellationToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Logged already.
            }
        }
    }

    /// <summary>Deletes the reports of uploads that no longer exist.</summary>
    private async Task DeleteStaleReportsAsync(InboxContent content, HashSet<string> present, CancellationToken cancellationToken)
    {
        var reports = content.Files.Where(f => Upload.KindOf(f.Path) is UploadKind.ErrorReport).Select(f => (f.Path, f.ETag)).ToHashSet();
        foreach (var old in _reports.Keys.Where(report => !reports.Contains(report)).ToList()) _reports.Remove(old);
        foreach (var report in reports)
        {
            if (!_reports.TryGetValue(report, out var upload))
            {
                const int AtMost = 1024 * 1024;
                var read = await inbox.ReadAsync(report.Path, AtMost, cancellationToken);
                upload = read is { } file && Upload.AboutOf(file.Bytes) is var (path, request) && Upload.ErrorReportPath(path, request) == report.Path ? path : null;
                _reports[report] = upload;
                // The report may still be written, or its upload be replaced just now: the next scan decides.
                continue;
            }
            if (upload is not null && !present.Contains(upload) && !content.Unreadable.ContainsKey(upload))
                await inbox.DeleteReportAsync(report.Path, cancellationToken);
        }
    }

    private void CreateInbox()
    {
        try
        {
            Directory.CreateDirectory(inbox.Root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogScanFailed(logger, inbox.Root, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Error, "The upload {Path} could not be read; it is retried at increasing intervals. {Reason}")]
    private static partial void LogReadFailed(ILogger logger, Exception? e, string path, string reason);

    [LoggerMessage(LogLevel.Error, "The inbox {Root} could not be scanned; it is retried every second. {Reason}")]
    private static partial void LogScanFailed(ILogger logger, string root, string reason);

    [LoggerMessage(LogLevel.Warning, "{Path} in the inbox starts nothing. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string path, string reason);

    [LoggerMessage(LogLevel.Warning, "The inbox {Root} is missing; uploads are read when it is back.")]
    private static partial void LogAway(ILogger logger, string root);

    [LoggerMessage(LogLevel.Information, "The inbox {Root} is back.")]
    private static partial void LogBack(ILogger logger, string root);

    /// <summary>One version of a file, and when to try it next.</summary>
    private sealed class Sighting(UploadedFile file, DateTimeOffset since)
    {
        // Null: waits for another version of its recipe.
        private DateTimeOffset? _next = since;
        private string? _recipe;
        private int _failures;

        public UploadedFile File => file;

        public DateTimeOffset Since => since;

        /// <summary>A new or corrected recipe may change the outcome of an image.</summary>
        public bool IsDue(DateTimeOffset now, string? recipe) => _next <= now || (recipe != _recipe && Upload.KindOf(file.Path) is UploadKind.Image);

        /// <summary>Skips the file until a time, or while it and its recipe are unchanged.</summary>
        public void Rest(string? recipe, DateTimeOffset? until) => (_recipe, _next, _failures) = (recipe, until, 0);

        /// <summary>Waits longer after each failure; returns the number of consecutive failures.</summary>
        public int Fail(DateTimeOffset now)
        {
            _failures++;
            var doublings = Math.Min(_failures - TriesInARow, 20);
            _next = doublings < 0 ? now : now + Min(Interval * Math.Pow(2, doublings), LongestRest);
            return _failures;
        }

        private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
    }
}
