using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>Without a key no address is listened on that other machines can reach, by whatever way it is named.</summary>
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
    public async Task However_it_is_spelt_it_is_refused(string key, string value)
    {
        var refusal = await Assert.ThrowsAsync<SettingException>(() => StartAsync((key, value)));
        Assert.Contains("Local:ApiKey", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_address_of_this_very_machine_is_refused_too()
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
    public async Task Named_in_the_environment_it_is_refused(string variable, string value)
    {
        var (exitCode, said) = await ServeAsync((variable, value));
        Assert.Equal(ExitCodes.Configuration, exitCode);
        Assert.Contains("Local:ApiKey", Assert.Single(said.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP_PORTS")]
    [InlineData("ASPNETCORE_HTTP_PORTS")]
    public async Task A_port_in_the_environment_as_containers_have_it_opens_nothing(string variable)
    {
        // Where no address is named, the default is taken, on loopback. Whether that is free on this machine does not matter: it is named either way.
        const string theDefault = "http://127.0.0.1:7071";
        var (_, said) = await ServeAsync((variable, "0"), until: theDefault);
        Assert.Contains(theDefault, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_lie_in_the_working_directory_are_not_read()
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
    public async Task What_only_this_machine_reaches_and_what_has_a_key_is_listened_on(string key, string value, string apiKey)
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

    /// <summary>Runs the host as a process, which has an environment and a working directory of its own, to its end or until it has printed a text.</summary>
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
