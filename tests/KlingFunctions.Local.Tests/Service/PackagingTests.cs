using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests;
using KlingFunctions.Local.Tests.Samples;

namespace KlingFunctions.Local.Tests.Service;

/// <summary>The .NET tool and the container image, made from the existing build without a network, and run.</summary>
public sealed class PackagingTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-tool-");

    private static string Configuration => Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;

    private static string Project => RepositoryFiles.PathOf("src/KlingFunctions.Local/KlingFunctions.Local.csproj");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Packed_tool_is_installed_and_runs_with_its_page_and_its_simulator()
    {
        await DotnetAsync("pack", Project, "-c", Configuration, "--no-build", "-o", At("packages"), "-m:1", "-nodeReuse:false");
        await DotnetAsync("tool", "install", "KlingFunctions", "--tool-path", At("tools"), "--source", At("packages"));

        var kling = At("tools", OperatingSystem.IsWindows() ? "kling.exe" : "kling");
        Assert.StartsWith("0.", await RunAsync(kling, "--version"), StringComparison.Ordinal);
        using var serving = SampleProcess.Start(kling, ["serve", "--simulate", "--urls", "http://127.0.0.1:0", "--data", At("data")]);
        var url = (await serving.LineAsync("Page ")).Split(' ')[^1];
        var command = (await serving.LineAsync("Submit ")).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(kling, command[1]); // The folder is not in PATH, so a hint must name the tool's path.

        using var http = new HttpClient();
        Assert.Contains("<html", await http.GetStringAsync(new Uri(url), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var said = await RunAsync(kling, "validate", "--prompt", "@Image1 at dawn", "--image", command[Array.IndexOf(command, "--image") + 1], "--url", url);
        Assert.Contains("The request is valid.", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Container_image_starts_a_host_that_writes_to_its_users_folder()
    {
        await using var baseImage = await BaseImage.StartAsync();
        await DotnetAsync(
            "publish", Project, "-c", Configuration, "--no-build", "/t:PublishContainer", $"-p:PublishDir={At("publish")}/", $"-p:ContainerBaseImage={baseImage.Name}",
            $"-p:ContainerArchiveOutputPath={At("kling.tar")}", "-m:1", "-nodeReuse:false");
        await TarFile.ExtractToDirectoryAsync(At("kling.tar"), Directory.CreateDirectory(At("image")).FullName, overwriteFiles: false, TestContext.Current.CancellationToken);
        var manifest = Read("image", "manifest.json")[0]!;
        Assert.StartsWith("kling:", manifest["RepoTags"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        var config = Read("image", manifest["Config"]!.GetValue<string>())["config"]!;
        Assert.Equal("1654", config["User"]!.GetValue<string>());
        Assert.NotNull(config["ExposedPorts"]!["7071/tcp"]);
        Assert.Contains("Local__DataDirectory=/home/app/data", Texts(config["Env"]));

        string[] command = [.. Texts(config["Entrypoint"]), .. Texts(config["Cmd"])];
        Assert.Equal(["dotnet", "/app/KlingFunctions.Local.dll", "serve", "--urls", "http://0.0.0.0:7071"], command);
        var here = command[1..].Select(argument => argument.Replace("/app", At("publish"), StringComparison.Ordinal).Replace("0.0.0.0:7071", "127.0.0.1:0", StringComparison.Ordinal));
        using var host = SampleProcess.Start(
            command[0], here, ("Local__DataDirectory", At("data")), ("Local__ApiKey", "a-key-of-the-tests"), ("RunComfy__ApiToken", "t0ken"), ("RunComfy__BaseUrl", "http://127.0.0.1:9"));
        var url = (await host.LineAsync("Page ")).Split(' ')[^1];
        using var http = new HttpClient();
        using var health = await http.GetAsync(new Uri($"{url}/api/health/ready"), TestContext.Current.CancellationToken);
        Assert.True(health.IsSuccessStatusCode);
    }

    private JsonNode Read(params string[] parts) => JsonNode.Parse(File.ReadAllText(At(parts)))!;

    private static IEnumerable<string> Texts(JsonNode? list) => list!.AsArray().Select(text => text!.GetValue<string>());

    private string At(params string[] parts) => Path.Combine([_folder.FullName, .. parts]);

    private Task<string> DotnetAsync(params string[] arguments) => RunAsync("dotnet", arguments);

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.FullName,
            Environment = { ["DOTNET_NOLOGO"] = "true", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "true" },
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output}{await error}");
        return await output;
    }
}
