using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Durable;

/// <summary>
/// What this build's host.json lets Durable run on. The build and the deployment are told separately, and on the wrong one jobs would start
/// where nobody looks for them.
/// </summary>
internal static class DurableBackend
{
    /// <summary>The app setting that the Durable Task Scheduler needs, and nothing else has.</summary>
    public const string SchedulerSetting = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING";

    /// <summary>Stops the start unless the build and the app settings mean the same backend.</summary>
    /// <exception cref="OptionsValidationException">They do not; the sentence says what to do.</exception>
    public static void Check(IConfiguration configuration)
    {
        var built = typeof(DurableBackend).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "DurableBackend").Value!;
        var deployed = string.IsNullOrEmpty(configuration[SchedulerSetting]) ? "storage" : "dts";
        if (built == deployed) return;
        throw new OptionsValidationException(nameof(DurableBackend), typeof(DurableBackend), [
            $"The app was built for the Durable backend '{built}', and {SchedulerSetting} is {(deployed == "dts" ? "set" : "not set")}, which means '{deployed}': "
            + $"run 'azd env set DURABLE_BACKEND {deployed}' and deploy again, or change the setting.",
        ]);
    }
}
