using System.Security.Cryptography;
using System.Text.Json;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Fuzz;

/// <summary>A status has little room, but a result may name any number of files.</summary>
public class ManyOutputs
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_that_do_not_fit_the_status_are_stored_and_served_too()
    {
        const int Count = 70;
        var runComfy = await SimulatorHost.StartAsync(
            new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, Outputs = OutputKeys.Videos, OutputCount = Count }, _time, cancellationToken: Ct);
        await using var scene = new Scene(
            await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), _time), runComfy, await WebhookReceiver.StartAsync());
        var job = await scene.EndAsync(await scene.SubmitAsync());
        Assert.Equal("succeeded", Scene.StatusOf(job));

        var listed = job.GetProperty("outputs").EnumerateArray().ToList();
        var warning = Assert.Single(job.GetProperty("warnings").EnumerateArray(), w => w.GetProperty("code").GetString() == "outputs_not_listed");
        Assert.Contains($"{Count - listed.Count} more files", warning.GetProperty("message").GetString(), StringComparison.Ordinal);
        var first = await scene.Http.GetByteArrayAsync(new Uri(listed[0].GetProperty("url").GetString()!), Ct);
        for (var n = 1; n <= Count; n++)
        {
            var bytes = await scene.Http.GetByteArrayAsync(new Uri($"/api/videos/{job.GetProperty("id").GetString()}/content?output=videos-{n}", UriKind.Relative), Ct);
            Assert.Equal(SHA256.HashData(first), SHA256.HashData(bytes));
        }
        foreach (var name in (string[])["videos-71", "videos-0", "../journal", "%00", new('v', 200)])
        {
            using var answer = await scene.Http.GetAsync(new Uri($"/api/videos/{job.GetProperty("id").GetString()}/content?output={name}", UriKind.Relative), Ct);
            Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public void Status_of_any_state_fits_Durable_and_counts_every_file() => Barrage.Run(40, random =>
    {
        string Text(int most) => string.Concat(Enumerable.Range(0, random.Next(1, most)).Select(_ => Spoil.Text(random)));
        var count = random.Next(1, 400);
        var state = StatusLimit.Fit(new JobState
        {
            Status = JobStatus.Succeeded,
            UpdatedAt = _time.GetUtcNow(),
            Provider = new("req_1", "completed"),
            Outputs = [.. Enumerable.Range(1, count).Select(n => new StoredFile($"images-{n}", "image", "image/png", long.MaxValue, new('f', 64)))],
            Warnings = [.. Enumerable.Range(0, random.Next(100)).Select(_ => new Pipeline.Errors.Fault("/image_urls/0", "repeated_image", Text(10)))],
            Error = random.Next(2) == 0 ? new("provider_failed", Text(10), [.. Enumerable.Range(0, random.Next(100)).Select(_ => new Pipeline.Errors.Fault("", "x", Text(10)))]) : null,
            PendingIssue = random.Next(2) == 0 ? new("", "x", Text(10)) : null,
            Receivers = [.. Enumerable.Range(0, random.Next(21)).Select(n => new Receiver($"sub_{n}", new('h', 253), $"msg_{n}"))],
        });
        Assert.InRange(JsonSerializer.Serialize(state, PipelineJson.Default.JobState).Length, 0, StatusLimit.MaxChars);
        Assert.Equal(count, state.Outputs.Count + (state.Unlisted?.Count ?? 0));
        if (state.Unlisted is { } more) Assert.Equal(($"images-{state.Outputs.Count + 1}", $"images-{count}"), (more.First, more.Last));
    });
}
