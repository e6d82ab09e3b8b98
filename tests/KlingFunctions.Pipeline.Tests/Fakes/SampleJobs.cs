using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Jobs for tests.</summary>
internal static class SampleJobs
{
    public static readonly DateTimeOffset CreatedAt = new(2026, 3, 1, 11, 59, 58, TimeSpan.Zero);

    public static VideoRequest Request(string? webhookUrl = null) => new()
    {
        Input = JsonElement.Parse("""{"prompt":"a fox","elements":[],"image_urls":[],"duration":"5","aspect_ratio":"16:9"}"""),
        WebhookUrl = webhookUrl,
        Fingerprint = "f1",
    };

    public static VideoJob New(string id = "vid_1", string? webhookUrl = null) => new()
    {
        Id = id,
        CreatedAt = CreatedAt,
        Request = Request(webhookUrl),
        BaseUrl = "https://kling.example.com",
        SubmissionKey = id,
    };

    /// <summary>A job that ended in this state.</summary>
    public static JobSnapshot Ended(VideoJob job, JobStatus status, JobError? error = null, ProviderState? provider = null) => new(
        job, new() { Status = status, UpdatedAt = CreatedAt.AddMinutes(3), Error = error, Provider = provider }, IsRunning: false, []);

    /// <summary>A job that failed with this code.</summary>
    public static JobSnapshot Failed(string code, ProviderState? provider = null) =>
        Ended(New(), JobStatus.Failed, new(code, "It did not work."), provider);
}
