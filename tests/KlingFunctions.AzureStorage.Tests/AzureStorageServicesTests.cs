using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using Azure.Core.Diagnostics;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class AzureStorageServicesTests(TestStorage storage)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Started_host_has_every_port_and_every_container()
    {
        var account = new TestAccount(storage.Azurite.NextAccount());
        using var host = Build(account.ConnectionString, (services, configuration) => services.AddAzureStores(configuration));
        await host.StartAsync(Cancel);
        Assert.All(
            [typeof(IVideoStore), typeof(ISubmissionLedger), typeof(IDocuments), typeof(IAssetLinks), typeof(IAssetStore), typeof(IUploads), typeof(BlobJobIndex)],
            port => Assert.NotNull(host.Services.GetService(port)));
        Assert.Equal(Containers.All.Order(), account.Client.GetBlobContainers(cancellationToken: Cancel).Select(c => c.Name).Order());
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task Host_with_only_videos_in_blobs_gets_no_other_port()
    {
        var account = new TestAccount(storage.Azurite.NextAccount());
        using var host = Build(account.ConnectionString, (services, configuration) => services.AddBlobVideos(configuration));
        await host.StartAsync(Cancel);
        Assert.NotNull(host.Services.GetService<IVideoStore>());
        Assert.Null(host.Services.GetService<ISubmissionLedger>());
        Assert.Equal([Containers.Images, Containers.Videos], account.Client.GetBlobContainers(cancellationToken: Cancel).Select(c => c.Name).Order());
        await host.StopAsync(Cancel);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("AccountName=films;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net")]
    public async Task Setting_that_cannot_be_used_stops_the_start(string? setting)
    {
        using var host = Build(setting, (services, configuration) => services.AddAzureStores(configuration));
        var failure = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancel));
        Assert.Contains("Storage:Blobs", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_of_client_and_host_contain_no_link_signature_and_no_key()
    {
        var said = new ConcurrentBag<string>();
        using var listener = new AzureEventSourceListener((_, message) => said.Add(message), EventLevel.LogAlways);
        var account = new TestAccount(storage.Azurite.NextAccount());
        using var host = Build(account.ConnectionString, (services, configuration) => services.AddAzureStores(configuration), said);
        await host.StartAsync(Cancel);
        await account[Containers.Uploads].UploadBlobAsync("robot.png", new BinaryData([1]), Cancel);
        var link = (await host.Services.GetRequiredService<IAssetLinks>().LinkAsync("robot.png", Cancel)).Url!;
        await new Azure.Storage.Blobs.BlobClient(link).DownloadContentAsync(Cancel);

        var signature = System.Web.HttpUtility.ParseQueryString(link.Query)["sig"]!;
        var key = account.ConnectionString.Split("AccountKey=")[1].Split(';')[0];
        Assert.Contains(said, line => line.Contains("robot.png", StringComparison.Ordinal));
        Assert.DoesNotContain(said, line => new[] { signature, Uri.EscapeDataString(signature), key }.Any(secret => line.Contains(secret, StringComparison.OrdinalIgnoreCase)));
        await host.StopAsync(Cancel);
    }

    private static IHost Build(string? blobs, Action<IServiceCollection, IConfiguration> add, ConcurrentBag<string>? said = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection([KeyValuePair.Create("Storage:Blobs", blobs), KeyValuePair.Create("Network:AllowLoopback", (string?)"true")]);
        builder.Services.Configure<Pipeline.Network.NetworkOptions>(builder.Configuration.GetSection("Network"));
        if (said is not null) builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new Ears(said));
        add(builder.Services, builder.Configuration);
        return builder.Build();
    }

    private sealed class Ears(ConcurrentBag<string> said) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            said.Add($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
