using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace KlingFunctions.Pipeline.Http;

/// <summary>A selection of jobs: by id, or by the filters of the list.</summary>
/// <param name="Ids">These jobs; none: those of the filters.</param>
/// <param name="Status">Only those in this status.</param>
/// <param name="Batch">Only those of this batch.</param>
/// <param name="CreatedAfter">Only those accepted at this time or later.</param>
/// <param name="CreatedBefore">Only those accepted before this time.</param>
/// <param name="Metadata">Only those whose metadata have these properties with these values.</param>
/// <param name="Cursor">The end of the previous call.</param>
public sealed record BulkRequest(
    IReadOnlyList<string>? Ids = null, string? Status = null, string? Batch = null, string? CreatedAfter = null, string? CreatedBefore = null,
    IReadOnlyDictionary<string, string>? Metadata = null, string? Cursor = null);

/// <summary>The answer to an action on many jobs.</summary>
/// <param name="Videos">An answer for each job, in the order of the ids, or newest first.</param>
/// <param name="NextCursor">The <c>cursor</c> of the next call, if there are more jobs.</param>
public sealed record BulkAnswer(IReadOnlyList<BulkItemAnswer> Videos, string? NextCursor);

/// <summary>The answer to an action on one of many jobs.</summary>
/// <param name="Id">The job.</param>
/// <param name="Status">Its status; null if nothing was done.</param>
/// <param name="Problem">Why nothing was done.</param>
public sealed record BulkItemAnswer(string Id, JobStatus? Status = null, Problem? Problem = null);

/// <summary>The routes that act on many jobs. Each job has its own answer, and a refusal never stops the others.</summary>
internal sealed class BulkRoutes(ManyJobs many, JobActions actions, Redelivery redelivery, Batches batches)
{
    private const string Form = "The body must be {\"ids\": [\"vid_…\"]}, or filters such as {\"status\": \"failed\", \"batch\": \"bat_…\"}.";

    /// <summary><c>POST /api/videos/cancel</c>.</summary>
    public Task<IResult> CancelAsync(HttpContext http) => EachAsync(http, actions.CancelAsync);

    /// <summary><c>POST /api/videos/resume</c>. Jobs in doubt are refused: each needs a decision of its own.</summary>
    public Task<IResult> ResumeAsync(HttpContext http) => EachAsync(http, (id, cancellationToken) => actions.ResumeAsync(id, new(), cancellationToken));

    /// <summary><c>POST /api/videos/redeliver</c>.</summary>
    public Task<IResult> RedeliverAsync(HttpContext http) => EachAsync(http, redelivery.RedeliverAsync);

    private async Task<IResult> EachAsync(HttpContext http, Func<string, CancellationToken, Task<JobActionOutcome>> act)
    {
        var (body, refusal) = await RequestBody.ReadAsync(http.Request, optional: false, http.RequestAborted);
        if (refusal is not null) return refusal;
        var faults = new List<Fault>();
        var (ids, filter, cursor) = Read(body, faults);
        if (faults.Count > 0) return Problem.Faults(faults);
        string? next = null;
        try
        {
            if (ids is null) (ids, next) = await many.FindAsync(await batches.NarrowAsync(filter, http.RequestAborted), cursor, http.RequestAborted);
        }
        catch (FormatException)
        {
            return Problem.Faults([new("/cursor", FaultCode.NotAllowedValue, "This cursor is not one that a call gave: take 'next_cursor' as it is, or leave it out.")]);
        }
        var outcomes = await ManyJobs.EachAsync(ids, act, http.RequestAborted);
        return Results.Json(new BulkAnswer([.. ids.Zip(outcomes, AnswerTo)], next), PipelineJson.Default.BulkAnswer);
    }

    private static (IReadOnlyList<string>? Ids, JobFilter Filter, string? Cursor) Read(ReadOnlyMemory<byte> body, List<Fault> faults)
    {
        BulkRequest? request = null;
        try
        {
            request = StrictJson.Read<BulkRequest>(body);
        }
        catch (JsonException)
        {
            // The fault is added below.
        }
        var query = request is null ? [] : FiltersOf(request, faults);
        if (faults.Count > 0) return (null, JobFilter.All, null);
        // Without any of these, the selection would be every job.
        if (request is null || (request.Ids is null && query.Count == 0)) faults.Add(new("", FaultCode.InvalidJson, Form));
        else if (request.Ids is not null && query.Count > 0) faults.Add(new("/ids", FaultCode.NotAllowedValue, "Give either ids or filters, not both."));
        else if (request.Ids is { Count: 0 or > ManyJobs.Most }) faults.Add(new("/ids", FaultCode.NotAllowedValue, $"Give 1 to {ManyJobs.Most:N0} ids at a time."));
        if (faults.Count > 0) return (null, JobFilter.All, null);
        return (request!.Ids?.Select(id => id ?? "").Distinct().ToList(), JobFilterQuery.Read(new QueryCollection(query), faults), request.Cursor);
    }

    /// <summary>The filters as a query of the list. An empty one is a fault: without it, the selection would be far more jobs than meant.</summary>
    private static Dictionary<string, StringValues> FiltersOf(BulkRequest request, List<Fault> faults)
    {
        var query = new Dictionary<string, StringValues>();
        foreach (var (name, value) in new[] { ("status", request.Status), ("batch", request.Batch), ("created_after", request.CreatedAfter), ("created_before", request.CreatedBefore) })
        {
            if (value is null) continue;
            if (value.Length == 0) faults.Add(new($"/{name}", FaultCode.Empty, $"The filter '{name}' is empty: give a value, or leave it out."));
            query.Add(name, value);
        }
        foreach (var (name, value) in request.Metadata ?? new Dictionary<string, string>())
        {
            if (value is null) faults.Add(new(JsonPointer.Child("/metadata", name), FaultCode.Empty, $"The filter 'metadata.{name}' is null: give a value, or leave it out."));
            query.Add(JobFilterQuery.MetadataPrefix + name, value);
        }
        return query;
    }

    private static BulkItemAnswer AnswerTo(string id, JobActionOutcome outcome) => outcome is JobActionOutcome.Accepted { Snapshot: var job }
        ? new(id, job.State.Status)
        : new(id, Problem: JobActionRoutes.ProblemOf(outcome, id) with { Id = id });
}
