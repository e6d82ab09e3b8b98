using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Durable;

/// <summary>
/// The backend in this build's host.json. Build and deployment are configured separately; with two different backends, jobs would start
/// where no worker runs them.
/// </summary>
internal static class DurableBackend
{
    /// <summary>The app setting that only the Durable Task Scheduler needs.</summary>
    public const string SchedulerSetting = "DURABLE_TASK_SCHEDULER_CONNECTION_STRING";

    /// <summary>Stops the start unless the build and the app settings name the same backend.</summary>
    /// <exception cref="OptionsValidationException">They name different backends; the message says how to fix it.</exception>
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
