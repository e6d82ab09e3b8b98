using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>Without a key the host listens on no address that other machines can reach, wherever it is configured.</summary>
public sealed class OpenAddressTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-open-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("urls", "http://0.0.0.0:0")]
    [InlineData("urls", "http://127.0.0.1:0;http://0.0.0.0:0")]
    [InlineData("urls", "http://*:0")]
    [InlineData("urls", "http://+:0")]
    [InlineData("urls", "http://[::]:0")]
    [InlineData("urls", "http://[::ffff:0.0.0.0]:0")]
    [InlineData("urls", "http://example.com:0")]
    [InlineData("urls", "http://localhost.example.com:0")]
    [InlineData("Kestrel:Endpoints:Open:Url", "http://0.0.0.0:0")]
    [InlineData("Kestrel:Endpoints:Open:Url", "http://*:0")]
    [InlineData("Kestrel:Endpoints:Open:Url", "http://[::]:0")]
    public async Task Any_spelling_of_an_open_address_is_refused(string key, string value)
    {
        var refusal = await Assert.ThrowsAsync<SettingException>(() => StartAsync((key, value)));
        Assert.Contains("Local:ApiKey", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Address_of_this_machines_network_card_is_refused_too()
    {
        foreach (var address in (await Dns.GetHostAddressesAsync(Dns.GetHostName(), AddressFamily.InterNetwork, Cancel)).Where(a => !IPAddress.IsLoopback(a)))
        {
            await Assert.ThrowsAsync<SettingException>(() => StartAsync(("urls", $"http://{address}:0")));
            await Assert.ThrowsAsync<SettingException>(() => StartAsync(("Kestrel:Endpoints:Open:Url", $"http://{address}:0")));
        }
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:0")]
    [InlineData("DOTNET_URLS", "http://0.0.0.0:0")]
    [InlineData("URLS", "http://0.0.0.0:0")]
    [InlineData("Kestrel__Endpoints__Open__Url", "http://0.0.0.0:0")]
    [InlineData("ASPNETCORE_Kestrel__Endpoints__Open__Url", "http://0.0.0.0:0")]
    public async Task Open_address_in_the_environment_is_refused(string variable, string value)
    {
        var (exitCode, said) = await ServeAsync((variable, value));
        Assert.Equal(ExitCodes.Configuration, exitCode);
        Assert.Contains("Local:ApiKey", Assert.Single(said.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP_PORTS")]
    [InlineData("ASPNETCORE_HTTP_PORTS")]
    public async Task Container_port_variables_open_no_address(string variable)
    {
        // Without an address the host uses the default on loopback. Whether that port is free here does not matter: it is printed either
        // way.
        const string theDefault = "http://127.0.0.1:7071";
        var (_, said) = await ServeAsync((variable, "0"), until: theDefault);
        Assert.Contains(theDefault, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_in_the_working_directory_are_not_read()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "appsettings.json"), """{"Kestrel": {"Endpoints": {"Open": {"Url": "nonsense"}}}, "urls": "nonsense"}""", Cancel);
        var (exitCode, said) = await ServeAsync(("urls", "http://0.0.0.0:0"));
        Assert.Equal(ExitCodes.Configuration, exitCode);
        Assert.DoesNotContain("nonsense", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("urls", "http://127.0.0.1:0", "")]
    [InlineData("urls", "http://127.8.8.8:0", "")]
    [InlineData("Kestrel:Endpoints:Mine:Url", "http://127.0.0.1:0", "")]
    [InlineData("urls", "http://0.0.0.0:0", "a-key-of-some-length")]
    [InlineData("Kestrel:Endpoints:Open:Url", "http://0.0.0.0:0", "a-key-of-some-length")]
    public async Task Host_listens_on_loopback_or_with_a_key(string key, string value, string apiKey)
    {
        if (value.Contains("8.8", StringComparison.Ordinal) && !OperatingSystem.IsLinux()) Assert.Skip("Only Linux has the whole of 127.0.0.0/8.");
        Assert.NotEmpty(await StartAsync((key, value), ("Local:ApiKey", apiKey)));
    }

    private async Task<ICollection<string>> StartAsync(params (string Key, string Value)[] changes)
    {
        var settings = new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["RunComfy:ApiToken"] = "token",
            ["Local:DataDirectory"] = _folder.FullName,
        };
        foreach (var (key, value) in changes) settings[key] = value;
        await using var app = LocalHost.Build(settings);
        try
        {
            await app.StartAsync(Cancel);
            return [.. app.Urls];
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>
    /// Runs the host as a process, with its own environment and working directory, to its end or until it has printed a text.
    /// </summary>
    private async Task<(int ExitCode, string Said)> ServeAsync((string Name, string Value) variable, string? until = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.FullName };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"));
        start.ArgumentList.Add("serve");
        start.Environment["RunComfy__ApiToken"] = "token";
        start.Environment["Local__DataDirectory"] = Path.Combine(_folder.FullName, "data");
        start.Environment[variable.Name] = variable.Value;
        using var process = Process.Start(start)!;
        try
        {
            var error = process.StandardError.ReadToEndAsync(Cancel);
            var said = new StringBuilder();
            while (await process.StandardOutput.ReadLineAsync(Cancel).AsTask().WaitAsync(TimeSpan.FromMinutes(2), Cancel) is { } line)
            {
                said.AppendLine(line);
                if (until is not null && line.Contains(until, StringComparison.Ordinal)) process.Kill();
            }
            await process.WaitForExitAsync(Cancel).WaitAsync(TimeSpan.FromMinutes(2), Cancel);
            return (process.ExitCode, said + await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }
}
