using System.Diagnostics;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Tests.Samples;

namespace KlingFunctions.Local.Tests.Service;

/// <summary>The unit of <c>docs/service.md</c>, run as systemd would, on machines without systemd.</summary>
public sealed class SystemdUnitTests : IDisposable
{
    private const string Terminate = "TERM";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-unit-");

    public static bool IsUnix => !OperatingSystem.IsWindows();

    public static bool HasAnalyzer => File.Exists("/usr/bin/systemd-analyze");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(SkipUnless = nameof(IsUnix), Skip = "Needs signals.")]
    public async Task Command_line_of_the_unit_serves_until_SIGTERM_and_exits_with_0()
    {
        var command = ServiceDocument.Of("ExecStart").Replace(ServiceDocument.Of("WorkingDirectory"), _folder.FullName, StringComparison.Ordinal).Split(' ');
        Assert.Equal("/opt/kling/kling", command[0]);
        // Another port, since this one may be in use here.
        var arguments = command[1..].Select(argument => argument.Replace(":7071", ":0", StringComparison.Ordinal));
        using var host = SampleProcess.Start(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"), .. arguments], ("RunComfy__ApiToken", "t0ken"), ("RunComfy__BaseUrl", "http://127.0.0.1:9"));
        var url = (await host.LineAsync("Page ")).Split(' ')[^1];
        using var http = new HttpClient();
        using var health = await http.GetAsync(new Uri($"{url}/api/health/ready"), TestContext.Current.CancellationToken);
        Assert.True(health.IsSuccessStatusCode);
        Assert.True(File.Exists(Path.Combine(_folder.FullName, "journal.db")));
        Process.Start("kill", [$"-{Terminate}", $"{host.Id}"]).WaitForExit();
        Assert.Equal(ExitCodes.Success, await host.ExitAsync());
    }

    [Fact]
    public void Unit_does_not_restart_after_permanent_errors()
    {
        Assert.Equal($"{ExitCodes.Usage} {ExitCodes.Configuration}", ServiceDocument.Of("RestartPreventExitStatus"));
        Assert.Equal("on-failure", ServiceDocument.Of("Restart"));
    }

    [Fact(SkipUnless = nameof(HasAnalyzer), Skip = "Needs systemd-analyze.")]
    public async Task Unit_is_valid_for_systemd()
    {
        var unit = Path.Combine(_folder.FullName, "kling.service");
        await File.WriteAllTextAsync(
            unit, ServiceDocument.Unit.Replace("/opt/kling/kling", "/bin/true", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        using var analyzer = Process.Start(new ProcessStartInfo("systemd-analyze", ["verify", unit]) { RedirectStandardError = true })!;
        Assert.Empty(await analyzer.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await analyzer.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, analyzer.ExitCode);
    }
}
