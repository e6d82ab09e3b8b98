using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>The app, as its Main builds it.</summary>
internal static class App
{
    public static Task<FunctionsHost> StartAsync(IReadOnlyDictionary<string, string?> settings, TimeSpan? timersAtMost = null) =>
        FunctionsHost.StartAsync(commandLine => FunctionsApp.Build(commandLine), typeof(FunctionsApp).Assembly, settings, timersAtMost);
}
