using KlingFunctions.Contracts;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

public sealed class FunctionsHostileClients(SharedAzurite azurite) : HostileClientContract
{
    protected override TimeProvider Time => TimeProvider.System;

    protected override bool FacesTheNetwork => false;

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings)
    {
        var account = azurite.NextAccount();
        var all = new Dictionary<string, string?>(settings) { ["Storage:Blobs"] = account, ["AzureWebJobsStorage"] = account };
        return new FunctionsHostUnderTest(await App.StartAsync(all, TimeSpan.FromSeconds(2)));
    }
}
