using System.Diagnostics;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(KlingFunctions.Page.Tests.Chromium))]

namespace KlingFunctions.Page.Tests;

/// <summary>
/// The Chromium of this machine. If it is missing, Debian's is installed, which needs root, as in CI. A shell without windows is preferred:
/// it takes half the CPU time.
/// </summary>
public sealed class Chromium : IAsyncLifetime
{
    private static readonly string[] Names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome.exe", "msedge.exe"];

    private IPlaywright _playwright = null!;

    public IBrowser Browser { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var program = Find();
        if (program is null)
        {
            await RunAsync("apt-get", "update", "-q");
            await RunAsync("apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium-headless-shell");
            program = Find() ?? throw new FileNotFoundException("There is no Chromium on this machine, and apt-get has installed none: install it.");
        }
        // No test is about speed, and CI machines are slow.
        Assertions.SetDefaultExpectTimeout(30_000);
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = program,
            // Chromium's sandbox refuses to run as root.
            Args = Environment.UserName is "root" ? ["--no-sandbox"] : [],
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright.Dispose();
    }

    private static string? Find() => (
        from name in Names
        from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        let path = Path.Combine(folder, name)
        where File.Exists(path)
        select path).FirstOrDefault();

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        using var process = Process.Start(start)!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed: {string.Join('\n', said)}");
    }
}
