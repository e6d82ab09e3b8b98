using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A job as shown to its owner: the body of most answers, and the <c>data</c> of every webhook. Without secrets.</summary>
public sealed record VideoResource
{
    /// <summary>The job's id.</summary>
    public required string Id { get; init; }

    /// <summary>The job's status.</summary>
    public required JobStatus Status { get; init; }

    /// <summary>When it was accepted (UTC).</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the state last changed (UTC).</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The model's input as it is or will be submitted, with the webhook's URL; the queries of URLs are left out.</summary>
    public required JsonElement Request { get; init; }

    /// <summary>The job at RunComfy.</summary>
    public ProviderState? Provider { get; init; }

    /// <summary>
    /// When the video is expected to be finished (UTC), by the run times of earlier jobs; null if not known, and afterwards.
    /// </summary>
    public DateTimeOffset? ExpectedAt { get; init; }

    /// <summary>The stored video.</summary>
    public VideoFile? Video { get; init; }

    /// <summary>Every stored file, the video first.</summary>
    public required IReadOnlyList<VideoFile> Outputs { get; init; }

    /// <summary>Why it failed.</summary>
    public JobError? Error { get; init; }

    /// <summary>Notes for the owner.</summary>
    public required IReadOnlyList<Fault> Warnings { get; init; }

    /// <summary>The price, as far as known when the job was accepted.</summary>
    public Price? Price { get; init; }

    /// <summary>The cost, if RunComfy's answer has it.</summary>
    public Cost? Cost { get; init; }

    /// <summary>Whether it was paid for; null from older hosts.</summary>
    public Payment? Paid { get; init; }

    /// <summary>The state of the delivery to each receiver.</summary>
    public required IReadOnlyList<NotificationView> Notifications { get; init; }

    /// <summary>The owner's own data, unchanged.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>The upload that started it: its path in the inbox or in the container <c>uploads</c>.</summary>
    public string? Upload { get; init; }

    /// <summary>The id of its batch; null if it came alone.</summary>
    public string? Batch { get; init; }

    /// <summary>The actions that are possible now, by name.</summary>
    public required IReadOnlyDictionary<string, string> Links { get; init; }

    /// <summary>The resource of a job.</summary>
    /// <param name="snapshot">The job.</param>
    /// <param name="baseUrl">The base address of its links: that of the reader's own request where there is one.</param>
    public static VideoResource Of(JobSnapshot snapshot, string baseUrl)
    {
        var (job, state) = (snapshot.Job, snapshot.State);
        var self = $"{baseUrl}/api/videos/{job.Id}";
        var outputs = state.Outputs.Select((file, i) => new VideoFile(
            file.Name, i == 0 ? $"{self}/content" : $"{self}/content?output={file.Name}", file.ContentType, file.SizeBytes, file.Sha256)).ToList();
        return new()
        {
            Id = job.Id,
            Status = state.Status,
            CreatedAt = job.CreatedAt,
            UpdatedAt = state.UpdatedAt,
            Request = Shown(job.Request),
            Provider = state.Provider,
            ExpectedAt = state.ExpectedAt,
            Video = outputs.FirstOrDefault(),
            Outputs = outputs,
            Error = state.Error,
            Price = job.Price,
            Cost = state.Cost,
            Paid = Payments.Of(state),
            Warnings = [.. state.Warnings, .. Unlisted(state, self), .. state.PendingIssue is { } issue ? new[] { issue } : []],
            Notifications = [.. snapshot.Notifications.Select(n => new NotificationView(n.Receiver, n.State, n.Attempts, n.NextAttemptAt, n.Reason))],
            Metadata = job.Request.Metadata,
            Upload = job.Upload,
            Batch = job.Batch?.Id,
            Links = LinksOf(self, job, state),
        };
    }

    private static IEnumerable<Fault> Unlisted(JobState state, string self)
    {
        if (state.Unlisted is not { } more) yield break;
        yield return new(
            "/outputs", FaultCode.OutputsNotListed,
            $"{more.Count} more files are stored than are listed here, from {more.First} to {more.Last}: fetch them by name, as {self}/content?output={more.First}.");
    }

    private static Dictionary<string, string> LinksOf(string self, VideoJob job, JobState state)
    {
        var links = new Dictionary<string, string> { ["self"] = self, ["operation"] = $"{self}/operation" };
        if (state.Outputs.Count > 0) links["content"] = $"{self}/content";
        if (!state.HasEnded() && state.Status is not JobStatus.Storing) links["cancel"] = $"{self}/cancel";
        if (state.Error is { } error && Resumption.IsPossible(error.Code)) links["resume"] = $"{self}/resume";
        if (state.HasEnded() && (state.Receivers.Count > 0 || job.Request.WebhookUrl is not null)) links["redeliver"] = $"{self}/redeliver";
        return links;
    }

    /// <summary>A request without the secrets in the queries of its URLs.</summary>
    internal static JsonElement Shown(VideoRequest request)
    {
        var input = KlingO1.Contract.RewriteImages(request.Input, image => AssetUri.Is(image) ? image : UrlRule.Redact(image));
        var shown = JsonObject.Create(input)!;
        if (request.WebhookUrl is { } url) shown["webhook_url"] = UrlRule.Redact(url);
        return JsonSerializer.SerializeToElement(shown, PipelineJson.Default.JsonObject);
    }
}

/// <summary>A stored file.</summary>
/// <param name="Name">The output's name, such as <c>video</c>.</param>
/// <param name="Url">Its address on this host.</param>
/// <param name="ContentType">Its media type, by its first bytes.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="Sha256">Its SHA-256, in lower-case hex.</param>
public sealed record VideoFile(string Name, string Url, string ContentType, long SizeBytes, string Sha256);

/// <summary>The delivery to one receiver.</summary>
/// <param name="Receiver">Its host.</param>
/// <param name="State">The state of the delivery.</param>
/// <param name="Attempts">The number of tries made.</param>
/// <param name="NextAttemptAt">When the next is due (UTC).</param>
/// <param name="Reason">Why the last try failed.</param>
public sealed record NotificationView(string Receiver, DeliveryState State, int Attempts, DateTimeOffset? NextAttemptAt, string? Reason);
