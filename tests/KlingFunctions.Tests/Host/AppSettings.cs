using System.Globalization;
using KlingFunctions.TestHost;

namespace KlingFunctions.Tests.Host;

/// <summary>The settings of an app under test.</summary>
internal static class AppSettings
{
    /// <param name="settings">The pipeline's settings.</param>
    /// <param name="account">The storage account, as a connection string.</param>
    /// <param name="timersAtMost">Longer durable timers are shortened to this; null leaves them alone.</param>
    public static Dictionary<string, string?> Of(IReadOnlyDictionary<string, string?> settings, string account, TimeSpan? timersAtMost = null) => new(settings)
    {
        ["Storage:Blobs"] = account,
        ["AzureWebJobsStorage"] = account,
        [TestControl.TimersAtMostVariable] = timersAtMost?.TotalSeconds.ToString(CultureInfo.InvariantCulture),
    };
}
