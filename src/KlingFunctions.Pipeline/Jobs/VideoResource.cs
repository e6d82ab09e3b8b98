using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.Jobs;

/// <summary>A job as its owner sees it: the body of most answers, and the <c>data</c> of every webhook. It holds no secret.</summary>
public sealed record VideoResource
{
    /// <summary>The job's id.</summary>
    public required string Id { get; init; }

    /// <summary>Where it is.</summary>
    public required JobStatus Status { get; init; }

    /// <summary>When it was accepted (UTC).</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When something about it last changed (UTC).</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>The model's input as it is or will be submitted, with the webhook's URL; the queries of URLs are left out.</summary>
    public required JsonElement Request { get; init; }

    /// <summary>What is known of it at RunComfy.</summary>
    public ProviderState? Provider { get; init; }

    /// <summary>The stored video.</summary>
    public VideoFile? Video { get; init; }

    /// <summary>Every stored file, the video first.</summary>
    public required IReadOnlyList<VideoFile> Outputs { get; init; }

    /// <summary>Why it failed.</summary>
    public JobError? Error { get; init; }

    /// <summary>What the owner should know.</summary>
    public required IReadOnlyList<Fault> Warnings { get; init; }

    /// <summary>Who is told of its end, and how that goes.</summary>
    public required IReadOnlyList<NotificationView> Notifications { get; init; }

    /// <summary>The owner's own data, as it was given.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>The upload that started it: its path in the inbox or in the container <c>uploads</c>.</summary>
    public string? Upload { get; init; }

    /// <summary>What can be done now, by name.</summary>
    public required IReadOnlyDictionary<string, string> Links { get; init; }

    /// <summary>The resource of a job.</summary>
    /// <param name="snapshot">The job.</param>
    /// <param name="baseUrl">The address that its links begin with: that of the reader's own request where there is one.</param>
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
            Video = outputs.FirstOrDefault(),
            Outputs = outputs,
            Error = state.Error,
            Warnings = [.. state.Warnings, .. Unlisted(state, self), .. state.Attention is { } attention ? new[] { attention } : []],
            Notifications = [.. snapshot.Notifications.Select(n => new NotificationView(n.Receiver, n.State, n.Attempts, n.NextAttemptAt, n.Reason))],
            Metadata = job.Request.Metadata,
            Upload = job.Upload,
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

    /// <summary>A request as it may be shown: without the secrets that URLs carry in their queries.</summary>
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
/// <param name="Url">Where this host serves it.</param>
/// <param name="ContentType">Its media type, by its own signature.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="Sha256">Its SHA-256, in lower-case hex.</param>
public sealed record VideoFile(string Name, string Url, string ContentType, long SizeBytes, string Sha256);

/// <summary>How telling one receiver goes.</summary>
/// <param name="Receiver">Its host.</param>
/// <param name="State">How the delivery stands.</param>
/// <param name="Attempts">How many tries were made.</param>
/// <param name="NextAttemptAt">When the next is due (UTC).</param>
/// <param name="Reason">Why the last try failed.</param>
public sealed record NotificationView(string Receiver, DeliveryState State, int Attempts, DateTimeOffset? NextAttemptAt, string? Reason);
