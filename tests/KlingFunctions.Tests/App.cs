using KlingFunctions.Tests.Host;
using Microsoft.Azure.Functions.Worker.Builder;

namespace KlingFunctions.Tests;

/// <summary>The app, as its Main builds it.</summary>
internal static class App
{
    /// <param name="settings">Its settings; one that is null is missing.</param>
    /// <param name="timersAtMost">Brings durable timers that are further away nearer.</param>
    /// <param name="configure">Changes what a test needs otherwise.</param>
    public static Task<FunctionsHost> StartAsync(
        IReadOnlyDictionary<string, string?> settings, TimeSpan? timersAtMost = null, Action<FunctionsApplicationBuilder>? configure = null) =>
        FunctionsHost.StartAsync(commandLine => FunctionsApp.Build(commandLine, configure), typeof(FunctionsApp).Assembly, settings, timersAtMost);
}
