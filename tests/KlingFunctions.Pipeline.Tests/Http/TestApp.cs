using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.RunComfy;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>The routes over ports in memory, without an engine or a network, with a provider that answers as the test says.</summary>
internal sealed class TestApp : IAsyncDisposable
{
    private readonly WebApplication _app;
    private string? _file;

    private TestApp(WebApplication app, HttpClient http) => (_app, Http) = (app, http);

    public HttpClient Http { get; }

    public FakeTimeProvider Time => (FakeTimeProvider)_app.Services.GetRequiredService<TimeProvider>();

    public FakeJobs Jobs { get; private init; } = null!;

    public InMemoryLedger Ledger { get; private init; } = null!;

    public InMemoryVideoStore Videos { get; private init; } = null!;

    /// <summary>All routes.</summary>
    public IEnumerable<RouteEndpoint> Routes => _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    public static async Task<TestApp> StartAsync(StubHandler? provider = null, params (string Key, string? Value)[] settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(
            [new("RunComfy:ApiToken", Clients.Token), new("Network:AllowLoopback", "true"), .. settings.Select(s => KeyValuePair.Create(s.Key, s.Value))]);
        var (jobs, ledger, videos, uploads) = (new FakeJobs(), new InMemoryLedger(), new InMemoryVideoStore(), new NoUploads());
        builder.Services.AddSingleton<TimeProvider>(new FakeTimeProvider(SampleJobs.CreatedAt));
        builder.Services.AddPipeline(builder.Configuration)
            .AddSingleton(Clients.On(provider ?? StubHandler.Answering(200, """{"status":"in_progress"}""")))
            .AddSingleton<IJobs>(jobs).AddSingleton<ISubmissionLedger>(ledger).AddSingleton<IVideoStore>(videos)
            .AddSingleton<IDocuments, InMemoryDocuments>().AddSingleton<IUploads>(uploads)
            .AddSingleton<InMemoryAssets>().AddSingleton<IAssetStore>(s => s.GetRequiredService<InMemoryAssets>()).AddSingleton<IAssetLinks>(s => s.GetRequiredService<InMemoryAssets>());
        var app = builder.Build();
        app.MapPipeline();
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new(app, app.GetTestClient()) { Jobs = jobs, Ledger = ledger, Videos = videos };
    }

    /// <summary>Ends a job of a batch.</summary>
    public Task EndBatchItemAsync(string jobId, BatchPlace place) =>
        _app.Services.GetRequiredService<Batches>().EndAsync(jobId, place, 0, JobStatus.Succeeded, TestContext.Current.CancellationToken);

    /// <summary>A file with these bytes, which is deleted with this app.</summary>
    public string FileOf(byte[] bytes)
    {
        _file ??= Path.GetTempFileName();
        File.WriteAllBytes(_file, bytes);
        return _file;
    }

    public async ValueTask DisposeAsync()
    {
        if (_file is not null) File.Delete(_file);
        Http.Dispose();
        await _app.DisposeAsync();
    }
}
