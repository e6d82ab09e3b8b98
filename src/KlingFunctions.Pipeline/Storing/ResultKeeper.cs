using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Brings every file of a result into the owner's store: from the allowed hosts only, no larger than allowed, really a video or an image,
/// complete, once. A transfer that breaks goes on where it was, as long as it gets anywhere; a file that is there is not fetched again.
/// </summary>
public sealed partial class ResultKeeper
{
    private const int MostTriesWithoutProgress = 4;

    // Well within host.json's functionTimeout. The second is for a server under whose file nobody can go on later.
    private static readonly TimeSpan SoftLimit = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan HardLimit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan LastMoment = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly GuardedClient _client;
    private readonly IVideoStore _store;
    private readonly RequestFiles _files;
    private readonly ResultHosts _hosts;
    private readonly Uri _apiBase;
    private readonly long _mostBytes;
    private readonly bool _allowLoopback;
    private readonly TimeProvider _time;
    private readonly ILogger<ResultKeeper> _logger;

    /// <summary>Makes a keeper.</summary>
    /// <param name="client">Fetches; keeps away from addresses that are not public.</param>
    /// <param name="store">Keeps.</param>
    /// <param name="runComfy">The hosts that results may come from.</param>
    /// <param name="storage">The size that a file may have.</param>
    /// <param name="network">Whether loopback hosts, and http to them, count as allowed.</param>
    /// <param name="time">Times silences and pauses.</param>
    /// <param name="logger">Told of what broke, without query strings.</param>
    /// <exception cref="OptionsValidationException">RunComfy:ResultHosts can't be read; the options' validator says so at the
    /// start.</exception>
    public ResultKeeper(
        GuardedClient client,
        IVideoStore store,
        IOptions<RunComfyOptions> runComfy,
        IOptions<StorageOptions> storage,
        IOptions<NetworkOptions> network,
        TimeProvider time,
        ILogger<ResultKeeper> logger)
    {
        if (!ResultHosts.TryParse(runComfy.Value.ResultHosts, out var hosts, out var fault))
            throw new OptionsValidationException(RunComfyOptions.Section, typeof(RunComfyOptions), [$"RunComfy:ResultHosts {fault}."]);
        _client = client;
        _store = store;
        _files = new(store);
        _hosts = hosts;
        _apiBase = new(runComfy.Value.BaseUrl);
        _mostBytes = storage.Value.MaxVideoBytes;
        _allowLoopback = network.Value.AllowLoopback;
        _time = time;
        _logger = logger;
    }

    /// <summary>
    /// Keeps the files. Safe to run again, after success too, and by two at once. Only cancellation throws. One video is enough for success:
    /// what can't be kept beside it is told.
    /// </summary>
    /// <param name="jobId">1 to 128 of A-Z, a-z, 0-9, _ and -.</param>
    /// <param name="requestId">RunComfy's id of the paid request, whose files these are and no other's.</param>
    /// <param name="files">What a successful result names.</param>
    /// <param name="isLastTry">True if nobody will try again: then a lesser video is better than none.</param>
    /// <param name="ct">Gives up; what can be gone on with is left for the next run.</param>
    public async Task<KeepOutcome> KeepAsync(
        string jobId, string requestId, IReadOnlyList<OutputFile> files, CancellationToken ct, bool isLastTry = false)
    {
        if (!files.Any(file => file.Kind == OutputKind.Video))
            return new KeepOutcome.NotKept(ErrorCodes.VideoMissing, "RunComfy says that the job succeeded, but names no video.", MayRetry: true);
        using var soft = new CancellationTokenSource(SoftLimit, _time);
        using var hard = new CancellationTokenSource(HardLimit, _time);
        var limits = new RunLimits(soft.Token, hard.Token);
        var kept = new List<StoredFile>(files.Count);
        var failures = new List<KeepOutcome.NotKept>();
        foreach (var file in files)
        {
            try
            {
                kept.Add(await KeepAsync(jobId, requestId, file, limits, ct));
            }
            catch (KeepingFailedException e)
            {
                LogNotKept(jobId, e.Outcome.Code, e.Outcome.Message, e.InnerException);
                failures.Add(e.Outcome);
                // The primary video is waited for, and what gets on; all else is worth no delay.
                if ((file == files[0] || e.Outcome.HasProgressed) && IsWorthWaiting(e.Outcome, isLastTry)) return e.Outcome;
            }
        }
        return kept.Exists(file => file.Kind == "video")
            ? new KeepOutcome.Kept(kept, [.. failures.Select(failure => failure.Message)])
            : failures[0];
    }

    private static bool IsWorthWaiting(KeepOutcome.NotKept failure, bool isLastTry) =>
        failure.MayRetry && !isLastTry && failure.Code is ErrorCodes.VideoUnreachable or ErrorCodes.StorageFailed;

    private async Task<StoredFile> KeepAsync(string jobId, string requestId, OutputFile file, RunLimits limits, CancellationToken ct)
    {
        var (there, storedName) = await StoreFault.WrapAsync(() => _files.FindAsync(jobId, requestId, file.Name, ct), ct);
        if (there is not null)
            return there;

        var url = Check(file);
        await using var transfer = new Transfer(_client, _store, jobId, requestId, file, storedName, url, _mostBytes, MayFetch, _time);
        try
        {
            return await KeepAsync(transfer, file, url, jobId, limits, ct);
        }
        catch (OperationCanceledException) when (transfer.CanSuspend)
        {
            // The host stops: another goes on from here, if there is still time to write down where that is.
            using var moment = new CancellationTokenSource(LastMoment, _time);
            try
            {
                await transfer.SuspendAsync(moment.Token);
            }
            catch (Exception e) when (e is KeepingFailedException or OperationCanceledException)
            {
                LogNotKept(jobId, ErrorCodes.StorageFailed, "The transfer could not be suspended, and starts over.", e);
            }
            throw;
        }
    }

    private async Task<StoredFile> KeepAsync(Transfer transfer, OutputFile file, Uri url, string jobId, RunLimits limits, CancellationToken ct)
    {
        for (var fruitless = 0; ;)
        {
            var reached = transfer.Furthest;
            if (await transfer.TryAsync(limits, ct) is not { } broken)
                return await transfer.CommitAsync(ct);

            LogBroken(jobId, file.Name, url.Host, broken.Reason, transfer.Furthest);
            fruitless = transfer.Furthest - reached >= Transfer.LeastProgress ? 0 : fruitless + 1;
            var isOver = (transfer.CanSuspend ? limits.Soft : limits.Hard).IsCancellationRequested;
            if (isOver || fruitless == MostTriesWithoutProgress)
            {
                // The server named a length that its file has not got, time and again.
                if (!isOver && transfer.IsWhole)
                    return await transfer.CommitAsync(ct);
                var hasProgressed = transfer.CanSuspend && transfer.Furthest - transfer.Continued >= Transfer.LeastProgress;
                if (transfer.CanSuspend)
                    await transfer.SuspendAsync(ct);
                throw new KeepingFailedException(
                    ErrorCodes.VideoUnreachable,
                    $"The {file.Name} can't be fetched{(transfer.CanSuspend ? $" yet, and goes on from byte {transfer.Length}" : "")}: {url.Host} {broken.Reason}.",
                    mayRetry: true, hasProgressed: hasProgressed);
            }
            var pause = FirstPause * Math.Pow(2, fruitless);
            if (broken.RetryAfter > pause)
                pause = broken.RetryAfter.Value < LongestPause ? broken.RetryAfter.Value : LongestPause;
            await Task.Delay(pause, _time, ct);
        }
    }

    private Uri Check(OutputFile file)
    {
        var text = ResultUrl.Correct(file.Url, _apiBase, _hosts.Include);
        if (UrlRule.Fault(text, _allowLoopback, UrlRule.MaxFetchedLength) is { } fault)
            throw new KeepingFailedException(ErrorCodes.VideoHostRefused, $"The {file.Name} can't be fetched. {fault}", mayRetry: false);
        var url = new Uri(text);
        if (!MayFetch(url))
        {
            throw new KeepingFailedException(
                ErrorCodes.VideoHostRefused, $"The {file.Name} lies on {url.Host}, which RunComfy:ResultHosts does not list.", mayRetry: false);
        }

        return url;
    }

    private bool MayFetch(Uri url) => _hosts.Include(url.IdnHost) || (_allowLoopback && url.IsLoopback);

    [LoggerMessage(1, LogLevel.Information, "Job {JobId}: {Host} {Reason} while {Name} was fetched, {Bytes} bytes in")]
    private partial void LogBroken(string jobId, string name, string host, string reason, long bytes);

    [LoggerMessage(2, LogLevel.Warning, "Job {JobId}: {Code}: {Reason}")]
    private partial void LogNotKept(string jobId, string code, string reason, Exception? exception);
}
