using KlingFunctions.Pipeline;

namespace KlingFunctions.Local;

/// <summary>Forgets old jobs, once an hour.</summary>
internal sealed partial class OldJobsTimer(OldJobs oldJobs, TimeProvider time, ILogger<OldJobsTimer> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await oldJobs.ForgetAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // The next hour is early enough.
                LogFailed(logger, e);
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "Old jobs could not be forgotten; it is tried again in an hour.")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
