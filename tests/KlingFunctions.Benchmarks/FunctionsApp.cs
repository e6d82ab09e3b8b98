using KlingFunctions.Tests.Host;

namespace KlingFunctions.Benchmarks;

/// <summary>The Functions app with the settings that every benchmark of it needs.</summary>
internal static class FunctionsApp
{
    /// <param name="runComfy">The address of the simulated RunComfy.</param>
    /// <param name="account">The storage account, as a connection string.</param>
    /// <param name="directory">The app's folder; null for the published app.</param>
    /// <param name="more">Further settings.</param>
    public static Task<AppProcess> StartAsync(Uri runComfy, string account, string? directory = null, params (string Key, string Value)[] more)
    {
        var settings = new Dictionary<string, string?>
        {
            ["RunComfy:ApiToken"] = "t0ken-of-the-benchmark",
            ["RunComfy:BaseUrl"] = runComfy.AbsoluteUri,
            ["Network:AllowLoopback"] = "true",
        };
        foreach (var (key, value) in more) settings[key] = value;
        return AppProcess.StartAsync(AppSettings.Of(settings, account), directory);
    }
}
