using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Fuzz;

public sealed class LocalHostileClients : HostileClientContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    protected override TimeProvider Time => _time;

    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => await LocalHostUnderTest.StartAsync(settings, _time);
}
