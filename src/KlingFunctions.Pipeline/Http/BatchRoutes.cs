using System.Diagnostics;
using System.Runtime.ExceptionServices;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The answer to a batch.</summary>
/// <param name="Batch">The batch's current state.</param>
/// <param name="Items">An answer for each request, in their order.</param>
public sealed record BatchAnswer(BatchResource Batch, IReadOnlyList<BatchItemAnswer> Items);

/// <summary>The answer to one request of a batch: a job, or a problem.</summary>
/// <param name="Index">The number of the request, from 0.</param>
/// <param name="Id">The id of its job.</param>
/// <param name="Status">The status of the job.</param>
/// <param name="Warnings">Warnings about the request.</param>
/// <param name="Problem">Why there is no job.</param>
public sealed record BatchItemAnswer(int Index, string? Id = null, JobStatus? Status = null, IReadOnlyList<Fault>? Warnings = null, Problem? Problem = null);

/// <summary>The routes of batches.</summary>
internal sealed partial class BatchRoutes(
    RequestReader reader, JobIntake intake, BatchIntake batchIntake, Batches batches, IOptions<PublicOptions> address, ILogger<BatchRoutes> logger)
{
    private static readonly Problem NotStarted = Problem.Of(
        StatusCodes.Status503ServiceUnavailable, ProblemCode.StorageUnavailable,
        "The host could not start this one; its log says why. Send the same batch again with the same Idempotency-Key; without one, send only the requests that have no id.");

    /// <summary><c>POST /api/videos/batch</c>: accepts many jobs independently.</summary>
    public async Task<IResult> SubmitAsync(HttpContext http)
    {
        var (body, refusal) = await RequestBody.ReadLinesAsync(http.Request, BatchBody.MaxBytes, http.RequestAborted);
        if (refusal is not null) return refusal;
        if (IdempotencyKey.Read(http.Request, out var key) is { } keyFault) return Problem.Faults([keyFault]);
        var (requests, fault) = BatchBody.Split(body);
        if (fault is not null) return Problem.Faults([fault]);

        var id = key is null ? Batches.NewId() : Batches.IdOf(key);
        var baseUrl = address.Value.Url ?? AppBaseUrl.Of(http.Request);
        var items = requests.Select((request, i) => new BatchItem(Batches.JobIdOf(new(id, i)), request.Bytes, Read(request))).ToList();
        var outcomes = await batchIntake.AcceptAsync(
            id, items, baseUrl, intake.ReserveAsync, async (item, place, cancellationToken) => await TryAcceptAsync(item, baseUrl, place, cancellationToken), http.RequestAborted);
        if (outcomes?.OfType<Intake.Failed>().FirstOrDefault() is { Cause: var cause })
        {
            if (!outcomes.Any(outcome => outcome is Intake.Accepted)) ExceptionDispatchInfo.Throw(cause);
            LogNotAccepted(logger, cause, id);
        }
        if (outcomes is null || await batches.FindAsync(id, http.RequestAborted) is not { } batch)
        {
            return Problem.Result(
                StatusCodes.Status422UnprocessableEntity, ProblemCode.IdempotencyKeyReused,
                "This Idempotency-Key was used for a batch of other requests: use a new key for a new batch, or send the same requests again.");
        }
        if (outcomes.OfType<Intake.DayIsFull>().FirstOrDefault() is { RetryAfter: var wait })
            VideoRoutes.RetryAfter(http, wait);
        // No Location: pollers such as Logic Apps would follow it without the required key.
        return Results.Json(
            new BatchAnswer(batch.Resource(AppBaseUrl.Of(http.Request)), [.. items.Select((item, i) => AnswerTo(i, item, outcomes[i]))]),
            PipelineJson.Default.BatchAnswer, statusCode: StatusCodes.Status202Accepted);
    }

    /// <summary><c>GET /api/batches/{id}</c>: the number of its jobs in each status.</summary>
    public async Task<IResult> GetAsync(HttpContext http, string id) => await batches.FindAsync(id, http.RequestAborted) is { } batch
        ? Tagged.Json(batch.Resource(AppBaseUrl.Of(http.Request)), PipelineJson.Default.BatchResource)
        : Problem.Result(StatusCodes.Status404NotFound, ProblemCode.NotFound, $"There is no batch '{id}' here: check the id. A batch is forgotten with its jobs.");

    /// <summary>A failure at one request must not hide the jobs of the others: their caller would send, and pay, them again.</summary>
    private async Task<Intake> TryAcceptAsync(BatchItem item, string baseUrl, BatchPlace place, CancellationToken cancellationToken)
    {
        try
        {
            return await intake.AcceptAsync(item.JobId, item.Reading, baseUrl, upload: null, cancellationToken, place);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return new Intake.Failed(e);
        }
    }

    private RequestReading Read(BatchEntry request) => request.Bytes.Length <= RequestReader.MaxBytes
        ? reader.Read(request.Bytes, firstLine: request.Line)
        : new(null, [new("", ProblemCode.BodyTooLarge, $"The request is larger than {RequestReader.MaxBytes / 1024} KiB. Pass images as URLs, not inline.")], []);

    private static BatchItemAnswer AnswerTo(int index, BatchItem item, Intake? outcome) => outcome switch
    {
        null => new(index, Problem: Problem.OfFaults(item.Reading.Faults)),
        Intake.Accepted { Snapshot: var job } => new(index, job.Job.Id, job.State.Status, job.Job.Warnings.Count > 0 ? job.Job.Warnings : null),
        Intake.Deleted { Status: var status } => new(index, item.JobId, status),
        Intake.Failed => new(index, Problem: NotStarted),
        Intake.Conflict => new(index, Problem: VideoRoutes.KeyReused(item.JobId)),
        Intake.DayIsFull => new(index, Problem: VideoRoutes.DayIsFull),
        _ => throw new UnreachableException(),
    };

    [LoggerMessage(LogLevel.Error, "Some requests of batch {BatchId} could not be accepted.")]
    private static partial void LogNotAccepted(ILogger logger, Exception e, string batchId);
}
