using System.Net;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline;
using KlingFunctions.Simulator;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>
/// A row of the journal that can't be parsed, after an edit or from another version: it does not hide or stop the others.
/// </summary>
public sealed class BrokenRowTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("input", "{\"id\": ")]
    [InlineData("input", "\"of another kind\"")]
    [InlineData("input", "null")]
    [InlineData("status", "nonsense")]
    [InlineData("status", "[]")]
    public async Task Unreadable_job_hides_no_other_from_lists_and_deletion(string column, string value)
    {
        await using var scene = await StartAsync(("Pipeline:KeepFor", "1.00:00:00"));
        var ids = new List<string>();
        for (var i = 0; i < 3; i++) ids.Add(await scene.SubmitAsync());
        foreach (var id in ids) await scene.EndAsync(id);
        var host = (LocalHostUnderTest)scene.Host;
        await host.Services.GetRequiredService<JournalDatabase>().WriteAsync(db => db.Execute($"UPDATE instances SET {column} = $2 WHERE id = $1", ids[1], value));

        Assert.Equal([ids[2], ids[0]], await ListAsync(scene, ""));
        Assert.Equal([ids[2], ids[0]], await ListAsync(scene, "?status=succeeded"));
        Assert.Equal([ids[2]], await ListAsync(scene, "?limit=2"));
        using (var broken = await scene.Http.GetAsync(new Uri($"/api/videos/{ids[1]}", UriKind.Relative), Cancel))
        {
            Assert.Equal(HttpStatusCode.InternalServerError, broken.StatusCode);
            Assert.Equal("internal_error", (await Scene.JsonOf(broken)).GetProperty("code").GetString());
        }
        _time.Advance(TimeSpan.FromDays(2));
        // Called directly too: the timer's own run may still be in progress.
        await host.Services.GetRequiredService<OldJobs>().ForgetAsync(Cancel);
        Assert.Empty(await ListAsync(scene, ""));
        Assert.NotNull(host.Services.GetRequiredService<InstanceStore>().Find(ids[1]));
    }

    [Theory]
    [InlineData("UPDATE instances SET input = 'nonsense' WHERE id = $1")]
    [InlineData("UPDATE history SET value = 'nonsense' WHERE instance = $1")]
    [InlineData("UPDATE history SET kind = 77 WHERE instance = $1")]
    [InlineData("UPDATE history SET name = 'nonsense' WHERE instance = $1")]
    public async Task Running_job_that_can_not_be_parsed_fails_and_the_others_continue(string breaks)
    {
        await using var scene = await StartAsync();
        var (broken, other) = (await scene.SubmitAsync(), await scene.SubmitAsync());
        await scene.UntilAsync(broken, "in_progress");
        await scene.UntilAsync(other, "in_progress");
        var host = (LocalHostUnderTest)scene.Host;
        await host.RunToRestAsync();
        await host.Services.GetRequiredService<JournalDatabase>().WriteAsync(db => db.Execute(breaks, broken));
        await host.KillAsync();
        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(other)));
        await host.RunToRestAsync();
        Assert.Equal("failed", host.Services.GetRequiredService<InstanceStore>().Find(broken)!.Outcome);
    }

    [Fact]
    public async Task Unreadable_subscription_blocks_no_other()
    {
        await using var scene = await StartAsync();
        using (var made = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url })) Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        await ((LocalHostUnderTest)scene.Host).Services.GetRequiredService<JournalDatabase>().WriteAsync(
            db => db.Execute("INSERT INTO documents (name, version, text) VALUES ('subscriptions/sub_0.json', '1', 'nonsense')"));
        var id = await scene.SubmitAsync();
        await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count == 1);
    }

    private static async Task<List<string?>> ListAsync(Scene scene, string query)
    {
        using var answer = await scene.Http.GetAsync(new Uri($"/api/videos{query}", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return [.. (await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString())];
    }

    private async Task<Scene> StartAsync(params (string Key, string Value)[] changes)
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromMinutes(1) }, _time, cancellationToken: Cancel);
        var settings = Scene.SettingsFor(runComfy);
        foreach (var (key, value) in changes) settings[key] = value;
        return new(await LocalHostUnderTest.StartAsync(settings, _time), runComfy, await WebhookReceiver.StartAsync());
    }
}
