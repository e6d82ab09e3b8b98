using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.Contracts;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Tests.Host;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KlingFunctions.Tests;

public sealed class FunctionsPipelineContract(SharedAzurite azurite) : PipelineContract
{
    // The pipeline compares no timer with the clock that it waited for, but deadlines: those stay true, for they are read from the clock.
    private static readonly TimeSpan TimersAtMost = TimeSpan.FromSeconds(2);

    protected override TimeProvider Time => TimeProvider.System;

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings)
    {
        var account = azurite.NextAccount();
        var all = new Dictionary<string, string?>(settings) { ["Storage:Blobs"] = account, ["AzureWebJobsStorage"] = account };
        return new FunctionsHostUnderTest(await App.StartAsync(all, TimersAtMost, ReadTheLedgerLater));
    }

    /// <summary>What lies in the ledger may be under way for two minutes yet: here it is read as if all but a second of them had passed.</summary>
    private static void ReadTheLedgerLater(FunctionsApplicationBuilder app) => app.Services.AddSingleton<ISubmissionLedger>(services =>
        new BlobLedger(services.GetRequiredService<BlobServiceClient>(), new Ahead(BlobLedger.UnderWay - TimeSpan.FromSeconds(1))));

    private sealed class Ahead(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
