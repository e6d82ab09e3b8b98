using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

public sealed class FunctionsHostileClients(SharedAzurite azurite) : HostileClientContract
{
    private PooledApp? _pooled;

    protected override TimeProvider Time => TimeProvider.System;

    protected override bool FacesTheNetwork => false;

    protected override async Task<SimulatorHost> StartRunComfyAsync(Behaviour behaviour)
    {
        _pooled = await azurite.Apps.RentAsync();
        return await _pooled.StartRunComfyAsync(behaviour);
    }

    protected override Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => _pooled!.StartAsync(settings);
}
