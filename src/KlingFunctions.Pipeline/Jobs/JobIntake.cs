using System.Security.Cryptography;
using System.Text;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>What came of handing a request in.</summary>
public abstract record Intake
{
    private Intake()
    {
    }

    /// <summary>There is a job for it, started now or by the same request before.</summary>
    /// <param name="Snapshot">The job.</param>
    public sealed record Accepted(JobSnapshot Snapshot) : Intake;

    /// <summary>The id belongs to a job with another request.</summary>
    public sealed record Taken : Intake;

    /// <summary>The day's cap is used up. An upload never comes to this: it waits as a job.</summary>
    /// <param name="RetryAfter">How long the day still lasts.</param>
    public sealed record DayIsFull(TimeSpan RetryAfter) : Intake;
}

/// <summary>The one door by which jobs come in, from HTTP and from uploads.</summary>
public sealed class JobIntake(IJobs jobs, StalePlaces places, IOptions<PipelineOptions> options, TimeProvider time)
{
    /// <summary>A new id, sortable by time.</summary>
    public static string NewId() => $"vid_{Guid.CreateVersion7():N}";

    /// <summary>Whether this may be the id of a job.</summary>
    public static bool IsId(string id) => id.Length == 36 && id.StartsWith("vid_", StringComparison.Ordinal) && id.Skip(4).All(char.IsAsciiHexDigitLower);

    /// <summary>The id of the job that a key stands for, an <c>Idempotency-Key</c> or the version of an upload: the same key, the same id.</summary>
    public static string IdOf(string key) =>
        $"vid_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..32]}";

    /// <summary>Starts a job under this id, unless it is there. Nothing is lost once this has returned: the job is written down.</summary>
    /// <param name="id">The job's id.</param>
    /// <param name="reading">A request without faults.</param>
    /// <param name="baseUrl">Under which the job's links are built.</param>
    /// <param name="upload">The path of the upload it came from.</param>
    /// <param name="cancel">Ends the call.</param>
    public async Task<Intake> HandInAsync(string id, RequestReading reading, string baseUrl, string? upload, CancellationToken cancel)
    {
        var request = reading.Request ?? throw new ArgumentException("Only a request without faults can be handed in.", nameof(reading));
        if (await jobs.GetAsync(id, cancel) is { } there) return Same(there, request);

        var now = time.GetUtcNow();
        var cap = options.Value.MaxJobsPerDay;
        var isUpload = upload is not null;
        // The guard stands at the paid POST. Here a place of the day is kept for the job, so that callers hear early that there is none.
        if (!isUpload && !await places.TryTakeTodayAsync(id, cancel))
            return new Intake.DayIsFull(now.UtcDateTime.Date.AddDays(1) - now.UtcDateTime);

        var job = new VideoJob
        {
            Id = id,
            CreatedAt = now,
            Request = request,
            Warnings = reading.Warnings,
            BaseUrl = baseUrl,
            Upload = upload,
            AwaitsDay = cap > 0 && isUpload,
            Capped = options.Value.MaxInFlight > 0,
            SubmissionKey = id,
        };
        if (!await jobs.StartAsync(job, cancel))
            return Same(await jobs.GetAsync(id, cancel) ?? throw new InvalidOperationException($"{id} is there and is not."), request);
        KlingTelemetry.Accepted.Add(1);
        return new Intake.Accepted(new(job, JobState.Initial(job), IsRunning: true, []));
    }

    private static Intake Same(JobSnapshot there, VideoRequest request) =>
        there.Job.Request.Fingerprint == request.Fingerprint ? new Intake.Accepted(there) : new Intake.Taken();
}
