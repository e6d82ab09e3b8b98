using KlingFunctions.Contracts;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

public sealed class FunctionsPipelineContract(SharedAzurite azurite) : PipelineContract
{
    private PooledApp? _pooled;

    protected override TimeProvider Time => TimeProvider.System;

    protected override async Task<SimulatorHost> StartRunComfyAsync(Behaviour behaviour, bool hasOwnSettings)
    {
        _pooled = hasOwnSettings ? null : azurite.Apps.Rent();
        if (_pooled is null) return await base.StartRunComfyAsync(behaviour, hasOwnSettings);
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await SimulatorHost.StartAsync(behaviour, Time, _pooled.RunComfy.AbsoluteUri);
            }
            catch (IOException) when (tries < 200)
            {
                // The test before gives its app back first, and ends its simulator then.
                await Task.Delay(50);
            }
        }
    }

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => _pooled is not null
        ? await _pooled.StartAsync(settings)
        : new AppUnderTest(await AppProcess.StartAsync(AppSettings.Of(settings, azurite.NextAccount(), timersAtMost: TimeSpan.FromSeconds(2))));
}
