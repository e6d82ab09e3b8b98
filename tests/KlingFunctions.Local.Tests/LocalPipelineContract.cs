using KlingFunctions.ComplianceTests;
using KlingFunctions.ComplianceTests.Hosts;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Local.Tests;

public sealed class LocalPipelineContract : PipelineContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    protected override TimeProvider Time => _time;

    // With a key, like the Functions app.
    protected override async Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings) => await LocalHostUnderTest.StartAsync(
        new Dictionary<string, string?>(settings) { ["Local:ApiKey"] = "a-key-of-the-tests" }, _time);
}
