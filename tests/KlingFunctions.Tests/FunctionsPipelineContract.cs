using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

public sealed class FunctionsPipelineContract(SharedAzurite azurite) : PipelineContract
{
    private PooledApp? _pooled;

    protected override TimeProvider Time => TimeProvider.System;

    protected override async Task<SimulatorHost> StartRunComfyAsync(Behaviour behaviour, bool hasOwnSettings)
    {
        _pooled = hasOwnSettings ? null : await azurite.Apps.RentAsync();
        return await (_pooled?.StartRunComfyAsync(behaviour) ?? base.StartRunComfyAsync(behaviour, hasOwnSettings));
    }

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => _pooled is not null
        ? await _pooled.StartAsync(settings)
        : new AppUnderTest(await AppProcess.StartAsync(AppSettings.Of(settings, azurite.NextAccount(), timersAtMost: TimeSpan.FromSeconds(2))));
}
