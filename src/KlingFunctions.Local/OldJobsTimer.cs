using KlingFunctions.Pipeline;

namespace KlingFunctions.Local;

/// <summary>Deletes old jobs, once an hour.</summary>
internal sealed partial class OldJobsTimer(OldJobs oldJobs, TimeProvider time, ILogger<OldJobsTimer> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await ForgetAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops. After a refused start, the framework would log this exception as a failed service.
        }
    }

    private async Task ForgetAsync(CancellationToken cancellationToken)
    {
        try
        {
            await oldJobs.ForgetAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The next run, in an hour, is early enough.
            LogFailed(logger, e);
        }
    }

    [LoggerMessage(LogLevel.Error, "Old jobs could not be deleted; the next try is in an hour.")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
