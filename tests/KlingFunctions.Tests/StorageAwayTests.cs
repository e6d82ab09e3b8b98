using System.Net;
using KlingFunctions.ComplianceTests.Azurite;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>The storage account becomes unavailable under a running app, with an Azurite of its own.</summary>
public sealed class StorageAwayTests
{
    [Fact]
    public async Task Calls_get_503_with_Retry_After_and_readiness_fails_but_health_answers()
    {
        var azurite = await AzuriteProcess.StartAsync(TestContext.Current.CancellationToken);
        await using var runComfy = await SimulatorHost.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        await using var app = await AppProcess.StartAsync(AppSettings.Of(Scene.SettingsFor(runComfy), azurite.NextAccount()));
        await using var receiver = await WebhookReceiver.StartAsync();
        var scene = new Scene(new AppUnderTest(app), runComfy, receiver);
        var id = await scene.SubmitAsync();
        await azurite.DisposeAsync();

        using (var order = await scene.PostAsync("/api/videos", scene.Request())) await AssertIsUnavailableAsync(order, "storage_unavailable");
        using (var read = await scene.Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative), TestContext.Current.CancellationToken))
            await AssertIsUnavailableAsync(read, "storage_unavailable");
        using (var ready = await scene.Http.GetAsync(new Uri("/api/health/ready", UriKind.Relative), TestContext.Current.CancellationToken))
            await AssertIsUnavailableAsync(ready, "not_ready");
        using var health = await scene.Http.GetAsync(new Uri("/api/health", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
    }

    private static async Task AssertIsUnavailableAsync(HttpResponseMessage answer, string code)
    {
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter!.Delta);
        Assert.Equal(code, (await Scene.JsonOf(answer)).GetProperty("code").GetString());
    }
}
