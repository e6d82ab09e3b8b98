using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Storing;

/// <summary>
/// Stores every file of a result: from allowed hosts only, up to the allowed size, a real video or image, complete, once. An interrupted
/// transfer resumes as long as it makes progress; a stored file is not downloaded again.
/// </summary>
internal sealed partial class ResultTransfer
{
    private const int MostTriesWithoutProgress = 4;

    // Well within host.json's functionTimeout. The second limit is for a file whose download can't be resumed.
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
    private readonly ILogger<ResultTransfer> _logger;

    /// <summary>Makes a transfer of results.</summary>
    /// <param name="client">Downloads; refuses addresses that are not public.</param>
    /// <param name="store">Stores the files.</param>
    /// <param name="runComfy">The hosts that results may come from.</param>
    /// <param name="storage">The size limit of a file.</param>
    /// <param name="network">Whether loopback hosts, and http to them, are allowed.</param>
    /// <param name="time">Measures idle times and pauses.</param>
    /// <param name="logger">Logs interruptions, without query strings.</param>
    /// <exception cref="OptionsValidationException">RunComfy:ResultHosts can't be read; the options' validator reports this at the
    /// start.</exception>
    public ResultTransfer(
        GuardedClient client,
        IVideoStore store,
        IOptions<RunComfyOptions> runComfy,
        IOptions<StorageOptions> storage,
        IOptions<NetworkOptions> network,
        TimeProvider time,
        ILogger<ResultTransfer> logger)
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
    /// Stores the files. Idempotent, also after success, and safe to run concurrently. Only cancellation throws. One video is enough for
    /// success: other files that can't be stored are reported.
    /// </summary>
    /// <param name="jobId">1 to 128 of A-Z, a-z, 0-9, _ and -.</param>
    /// <param name="requestId">RunComfy's id of the paid request that made these files.</param>
    /// <param name="files">The files that a successful result names.</param>
    /// <param name="isLastTry">True if there is no further retry: then a lesser video is better than none.</param>
    /// <param name="cancellationToken">Cancels the run; resumable transfers are saved for the next one.</param>
    public async Task<TransferOutcome> StoreAsync(
        string jobId, string requestId, IReadOnlyList<OutputFile> files, CancellationToken cancellationToken, bool isLastTry = false)
    {
        // The key of a video may promise an image. Its bytes decide, after the time in which a video might be named.
        if (isLastTry && !files.Any(file => file.Kind == OutputKind.Video))
            files = [.. files.Select(file => OutputReading.MayBeVideo(file.Url) ? file with { Kind = OutputKind.Video } : file).OrderBy(file => file.Kind)];
        if (!files.Any(file => file.Kind == OutputKind.Video))
            return new TransferOutcome.NotStored(ErrorCodes.VideoMissing, "RunComfy says that the job succeeded, but names no video.", MayRetry: true);
        using var soft = new CancellationTokenSource(SoftLimit, _time);
        using var hard = new CancellationTokenSource(HardLimit, _time);
        var limits = new RunLimits(soft.Token, hard.Token);
        var stored = new List<StoredFile>(files.Count);
        var failures = new List<TransferOutcome.NotStored>();
        foreach (var file in files)
        {
            try
            {
                stored.Add(await StoreAsync(jobId, requestId, file, limits, cancellationToken));
            }
            catch (TransferFailedException e)
            {
                LogNotStored(jobId, e.Outcome.Code, e.Outcome.Message, e.InnerException);
                failures.Add(e.Outcome);
                // Only the primary video, or a file that makes progress, is worth a delay.
                if ((file == files[0] || e.Outcome.HasProgressed) && IsWorthWaiting(e.Outcome, isLastTry)) return e.Outcome;
            }
        }
        return stored.Exists(file => file.Kind == "video")
            ? new TransferOutcome.Stored(stored, [.. failures.Select(failure => failure.Message)])
            : failures[0];
    }

    private static bool IsWorthWaiting(TransferOutcome.NotStored failure, bool isLastTry) =>
        failure.MayRetry && !isLastTry && failure.Code is ErrorCodes.VideoUnreachable or ErrorCodes.StorageFailed;

    private async Task<StoredFile> StoreAsync(string jobId, string requestId, OutputFile file, RunLimits limits, CancellationToken cancellationToken)
    {
        var (there, storedName) = await StoreFault.WrapAsync(() => _files.FindAsync(jobId, requestId, file.Name, cancellationToken), cancellationToken);
        if (there is not null)
            return there;

        var url = Check(file);
        await using var transfer = new Transfer(_client, _store, jobId, requestId, file, storedName, url, _mostBytes, MayFetch, _time);
        try
        {
            return await StoreAsync(transfer, file, url, jobId, limits, cancellationToken);
        }
        catch (OperationCanceledException) when (transfer.CanSuspend)
        {
            // The host stops: save the checkpoint, if time allows, so that another run resumes here.
            using var moment = new CancellationTokenSource(LastMoment, _time);
            try
            {
                await transfer.SuspendAsync(moment.Token);
            }
            catch (Exception e) when (e is TransferFailedException or OperationCanceledException)
            {
                LogNotStored(jobId, ErrorCodes.StorageFailed, "The transfer could not be suspended, and starts over.", e);
            }
            throw;
        }
    }

    private async Task<StoredFile> StoreAsync(Transfer transfer, OutputFile file, Uri url, string jobId, RunLimits limits, CancellationToken cancellationToken)
    {
        for (var fruitless = 0; ;)
        {
            var reached = transfer.Furthest;
            if (await transfer.TryAsync(limits, cancellationToken) is not { } broken)
                return await transfer.CommitAsync(cancellationToken);

            LogBroken(jobId, file.Name, url.Host, broken.Reason, transfer.Furthest);
            fruitless = transfer.Furthest - reached >= Transfer.LeastProgress ? 0 : fruitless + 1;
            var isOver = (transfer.CanSuspend ? limits.Soft : limits.Hard).IsCancellationRequested;
            if (isOver || fruitless == MostTriesWithoutProgress)
            {
                // The server repeatedly announced a length that its file does not have.
                if (!isOver && transfer.IsWhole)
                    return await transfer.CommitAsync(cancellationToken);
                var hasProgressed = transfer.CanSuspend && transfer.Furthest - transfer.Continued >= Transfer.LeastProgress;
                if (transfer.CanSuspend)
                    await transfer.SuspendAsync(cancellationToken);
                throw new TransferFailedException(
                    ErrorCodes.VideoUnreachable,
                    $"The {file.Name} can't be fetched{(transfer.CanSuspend ? $" yet, and goes on from byte {transfer.Length}" : "")}: {url.Host} {broken.Reason}.",
                    mayRetry: true, hasProgressed: hasProgressed);
            }
            var pause = FirstPause * Math.Pow(2, fruitless);
            if (broken.RetryAfter > pause)
                pause = broken.RetryAfter.Value < LongestPause ? broken.RetryAfter.Value : LongestPause;
            await Task.Delay(pause, _time, cancellationToken);
        }
    }

    private Uri Check(OutputFile file)
    {
        var text = ResultUrl.Correct(file.Url, _apiBase, _hosts.Include);
        if (UrlRule.Fault(text, _allowLoopback, UrlRule.MaxFetchedLength) is { } fault)
            throw new TransferFailedException(ErrorCodes.VideoHostRefused, $"The {file.Name} can't be fetched. {fault}", mayRetry: false);
        var url = new Uri(text);
        if (!MayFetch(url))
        {
            throw new TransferFailedException(
                ErrorCodes.VideoHostRefused, $"The {file.Name} lies on {url.Host}, which RunComfy:ResultHosts does not list.", mayRetry: false);
        }

        return url;
    }

    private bool MayFetch(Uri url) => _hosts.Include(url.IdnHost) || (_allowLoopback && url.IsLoopback);

    [LoggerMessage(1, LogLevel.Information, "Job {JobId}: {Host} {Reason} while {Name} was fetched, {Bytes} bytes in")]
    private partial void LogBroken(string jobId, string name, string host, string reason, long bytes);

    [LoggerMessage(2, LogLevel.Warning, "Job {JobId}: {Code}: {Reason}")]
    private partial void LogNotStored(string jobId, string code, string reason, Exception? exception);
}
