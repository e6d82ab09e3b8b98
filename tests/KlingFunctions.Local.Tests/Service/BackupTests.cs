using System.Diagnostics;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests.Cli;
using KlingFunctions.Simulator;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Local.Tests.Service;

/// <summary>Backup and restore with the commands of <c>docs/service.md</c>.</summary>
public sealed class BackupTests : IDisposable
{
    private const string DataFolder = "/var/lib/kling";
    private const string BackupFolder = "/backup";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-backup-");

    public static bool HasTools => File.Exists("/bin/bash") && File.Exists("/usr/bin/sqlite3");

    private string Data => Path.Combine(_folder.FullName, "data");

    private string Backup => Path.Combine(_folder.FullName, "copy");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(SkipUnless = nameof(HasTools), Skip = "Needs bash and sqlite3.")]
    public async Task Restored_backup_of_a_running_host_continues_and_pays_nothing_twice()
    {
        await using var runComfy = await SimulatorHost.StartAsync(RunningHost.Quick, cancellationToken: TestContext.Current.CancellationToken);
        string done, queued;
        await using (var host = await StartAsync(runComfy))
        {
            done = await SubmitAsync(host, runComfy);
            Assert.Equal(0, (await CallAsync(host, "watch", done)).ExitCode);
            runComfy.Behaviour = RunningHost.Quick with { Slots = 0 };
            queued = await SubmitAsync(host, runComfy);
            while ((await CallAsync(host, "status", queued, "--json")).Json.GetProperty("status").GetString() is not "in_queue")
                await Task.Delay(5, TestContext.Current.CancellationToken);
            Directory.CreateDirectory(Backup);
            await RunAsync(ServiceDocument.Backup);
            // Jobs after the backup are lost with the disk.
            await SubmitAsync(host, runComfy);
            await host.StopAsync(TestContext.Current.CancellationToken);
        }
        Directory.Delete(Data, recursive: true);
        Directory.CreateDirectory(Data);
        await RunAsync(ServiceDocument.Restore);

        runComfy.Behaviour = RunningHost.Quick;
        var accepted = runComfy.Account.AcceptedCount;
        await using var restored = await StartAsync(runComfy);
        Assert.Equal(0, (await CallAsync(restored, "watch", queued)).ExitCode);
        Assert.Equal(0, (await CallAsync(restored, "download", done, "--output", Path.Combine(_folder.FullName, "video.mp4"))).ExitCode);
        Assert.Equal(accepted, runComfy.Account.AcceptedCount);
        await restored.StopAsync(TestContext.Current.CancellationToken);
    }

    private async Task<WebApplication> StartAsync(SimulatorHost runComfy)
    {
        var settings = Scene.SettingsFor(runComfy);
        settings["urls"] = "http://127.0.0.1:0";
        settings["Local:DataDirectory"] = Data;
        settings["Pipeline:PollMin"] = settings["Pipeline:PollMax"] = "00:00:00.02";
        var host = LocalHost.Build(settings, builder => builder.Logging.ClearProviders());
        await host.StartAsync(TestContext.Current.CancellationToken);
        return host;
    }

    private static Task<Called> CallAsync(WebApplication host, params string[] args) => Called.WithAsync([.. args, "--url", host.Urls.First()]);

    private static async Task<string> SubmitAsync(WebApplication host, SimulatorHost runComfy) => (await CallAsync(
        host, "submit", "--prompt", "@Image1 at dawn", "--image", new Uri(runComfy.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri)).Out.Trim();

    private async Task RunAsync(string commands)
    {
        var here = commands.Replace(DataFolder, Data, StringComparison.Ordinal).Replace(BackupFolder, Backup, StringComparison.Ordinal);
        using var bash = Process.Start(new ProcessStartInfo("/bin/bash", ["-euc", here]) { RedirectStandardError = true })!;
        Assert.Empty(await bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await bash.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, bash.ExitCode);
    }
}
