using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>The outcome of a request for a video.</summary>
public abstract record Intake
{
    private Intake()
    {
    }

    /// <summary>The request has a job, started now or by the same request before.</summary>
    /// <param name="Snapshot">The job.</param>
    public sealed record Accepted(JobSnapshot Snapshot) : Intake;

    /// <summary>The request had a job in an earlier call of its batch, and the job is deleted.</summary>
    /// <param name="Status">How it ended; null if not known.</param>
    public sealed record Deleted(JobStatus? Status) : Intake;

    /// <summary>The job could not be started, or it is not known whether it was.</summary>
    /// <param name="Cause">The failure.</param>
    public sealed record Failed(Exception Cause) : Intake;

    /// <summary>The id belongs to a job with another request.</summary>
    public sealed record Conflict : Intake;

    /// <summary>The day's cap is used up. Uploads never get this outcome: they wait as a job.</summary>
    /// <param name="RetryAfter">The time until the day ends.</param>
    public sealed record DayIsFull(TimeSpan RetryAfter) : Intake;
}

/// <summary>Accepts every job, from HTTP and from uploads.</summary>
public sealed class JobIntake(IJobs jobs, StalePlaces places, PriceList prices, ModelContract model, IOptions<PipelineOptions> options, TimeProvider time)
{
    private const string IdPrefix = "vid_";

    /// <summary>A new id, sortable by time.</summary>
    public static string NewId() => PrefixedId.New(IdPrefix);

    /// <summary>Whether the text has the format of a job id.</summary>
    public static bool IsId(string id) => PrefixedId.Is(IdPrefix, id);

    /// <summary>The job id for a key, an <c>Idempotency-Key</c> or the version of an upload: the same key, the same id.</summary>
    public static string IdOf(string key) => PrefixedId.Of(IdPrefix, key);

    /// <summary>Starts a job under this id, unless it exists. The job is durable once this has returned.</summary>
    /// <param name="id">The job's id.</param>
    /// <param name="reading">A request without faults.</param>
    /// <param name="baseUrl">The base address of the job's links.</param>
    /// <param name="upload">The path of the upload that started it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <param name="batch">Its place in its batch; null if it came alone.</param>
    /// <param name="image">The uploaded image that it is made for; null for a request.</param>
    public async Task<Intake> AcceptAsync(
        string id, RequestReading reading, string baseUrl, string? upload, CancellationToken cancellationToken, BatchPlace? batch = null,
        UploadedImage? image = null)
    {
        var request = reading.Request ?? throw new ArgumentException("Only a request without faults can be handed in.", nameof(reading));
        using var span = JobTrace.Start("accept", id);
        if (await jobs.GetAsync(id, cancellationToken) is { } there) return Same(there, request);

        var now = time.GetUtcNow();
        var cap = options.Value.MaxJobsPerDay;
        var isUpload = upload is not null;
        // The binding check is at the paid POST. A submission of the day is taken here so that callers learn early that the cap is reached.
        if (!isUpload && !await places.TryTakeTodayAsync(id, cancellationToken))
            return new Intake.DayIsFull(now.UtcDateTime.Date.AddDays(1) - now.UtcDateTime);

        var job = new VideoJob
        {
            Id = id,
            CreatedAt = now,
            Request = request,
            Duration = model.DurationOf(request.Input),
            Warnings = reading.Warnings,
            BaseUrl = baseUrl,
            Price = await prices.OfAsync(request.Input, cancellationToken),
            Upload = upload,
            Image = image,
            Batch = batch,
            AwaitsDay = cap > 0 && isUpload,
            Capped = options.Value.MaxInFlight > 0,
            SubmissionKey = id,
            HasBoundIds = true,
            HasPlannedWaits = true,
            TraceParent = JobTrace.Current,
        };
        if (!await jobs.StartAsync(job, cancellationToken))
            return Same(await jobs.GetAsync(id, cancellationToken) ?? throw new InvalidOperationException($"{id} is there and is not."), request);
        KlingTelemetry.Accepted.Add(1);
        return new Intake.Accepted(new(job, JobState.Initial(job), IsRunning: true, []));
    }

    /// <summary>Takes the day's submissions for jobs about to be accepted, in one write instead of one each.</summary>
    public async Task ReserveAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        if (options.Value.MaxJobsPerDay == 0) return;
        var isNew = await Task.WhenAll(ids.Select(async id => await jobs.GetJobAsync(id, cancellationToken) is null));
        await places.TakeTodayAsync([.. ids.Where((_, i) => isNew[i])], cancellationToken);
    }

    private static Intake Same(JobSnapshot there, VideoRequest request)
    {
        JobTrace.Link(there.Job.TraceParent);
        return there.Job.Request.Fingerprint == request.Fingerprint ? new Intake.Accepted(there) : new Intake.Conflict();
    }
}
