using KlingFunctions.Contracts;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Tests.Host;

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
        return new FunctionsHostUnderTest(await App.StartAsync(all, TimersAtMost));
    }
}
