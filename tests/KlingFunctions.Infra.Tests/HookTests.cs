using System.Management.Automation.Language;

namespace KlingFunctions.Infra;

/// <summary>The hook after a deployment, with stand-ins for <c>az</c> and <c>sleep</c>.</summary>
public sealed class HookTests : IDisposable
{
    private const string Hook = "infra/hooks/postdeploy.sh";

    private readonly string _folder = Directory.CreateTempSubdirectory("hook").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Hook_connects_the_events_to_the_app_and_names_the_next_step()
    {
        var hook = await RunAsync("exit 0");

        Assert.Equal(0, hook.Code);
        var calls = await File.ReadAllTextAsync(Path.Combine(_folder, "calls"), Cancel);
        Assert.Contains("configreferences/appsettings/refresh", calls, StringComparison.Ordinal);
        Assert.Contains("upload-events.bicep", calls, StringComparison.Ordinal);
        Assert.Contains("appName=func-sample topicName=egst-sample storageName=stsample", calls, StringComparison.Ordinal);
        Assert.Contains("https://func-sample.azurewebsites.net/api/videos/validate", hook.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task App_that_is_not_ready_is_waited_for()
    {
        var hook = await RunAsync($"case \"$*\" in *deployment*) if [ $(grep -c deployment {_folder}/calls) -lt 4 ]; then echo 'no such key' >&2; exit 1; fi;; esac");

        Assert.Equal(0, hook.Code);
        Assert.Contains("try 3 of 20", hook.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("try 4 of 20", hook.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task App_that_never_gets_ready_ends_the_hook_with_reason_and_remedy()
    {
        var hook = await RunAsync("case \"$*\" in *deployment*) echo 'AuthorizationFailed: no' >&2; exit 1;; esac");

        Assert.Equal(1, hook.Code);
        Assert.Contains("AuthorizationFailed: no", hook.Error, StringComparison.Ordinal);
        Assert.Contains("azd hooks run postdeploy", hook.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_sign_in_is_reported()
    {
        var hook = await RunAsync("case \"$*\" in *account*) exit 1;; esac");

        Assert.Equal(1, hook.Code);
        Assert.Contains("run 'az login'", hook.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Machine_without_the_Azure_CLI_gets_a_link_to_it()
    {
        var hook = await CommandLine.RunAsync("/bin/sh", [Repository.Path(Hook)], Cancel, environment: new Dictionary<string, string> { ["PATH"] = _folder });

        Assert.Equal(1, hook.Code);
        Assert.Contains("https://aka.ms/azure-cli", hook.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shellcheck_reports_nothing()
    {
        if (!await HasAsync("shellcheck"))
        {
            var root = Environment.UserName == "root" && await HasAsync("apt-get");
            if (root) await CommandLine.RunAsync("sh", ["-c", "apt-get update -q && apt-get install -qy shellcheck"], Cancel);
            if (!await HasAsync("shellcheck")) Assert.Skip("shellcheck is not installed: 'apt-get install shellcheck', or as your system does it.");
        }

        var check = await CommandLine.RunAsync("shellcheck", [Repository.Path(Hook)], Cancel);

        Assert.True(check.Code == 0, check.Output);
    }

    [Fact]
    public void PowerShell_parses_its_hook()
    {
        Parser.ParseFile(Repository.Path("infra/hooks/postdeploy.ps1"), out _, out var errors);

        Assert.Empty(errors);
    }

    [Fact]
    public void Both_hooks_make_the_same_calls_and_print_the_same()
    {
        var (sh, ps) = (Repository.Read(Hook), Repository.Read("infra/hooks/postdeploy.ps1"));

        foreach (var shared in new[]
        {
            "az account show --subscription", "az rest --method post", "config/configreferences/appsettings/refresh?api-version=2022-03-01",
            "az deployment group create --subscription", "--name upload-events", "upload-events.bicep", "appName=", "topicName=", "storageName=",
            "HTTP works. Run 'azd hooks run postdeploy' later.", "A job costs money at RunComfy: a validation tells the price.", "--query functionKeys.default", "az storage blob upload --auth-mode login",
        })
        {
            Assert.Contains(shared, sh, StringComparison.Ordinal);
            Assert.Contains(shared, ps, StringComparison.Ordinal);
        }
    }

    private static async Task<bool> HasAsync(string command) => (await CommandLine.RunAsync("sh", ["-c", $"command -v {command}"], Cancel)).Code == 0;

    private async Task<CommandLine> RunAsync(string az)
    {
        await WriteAsync("az", $"#!/bin/sh\necho \"$*\" >> {_folder}/calls\n{az}\nexit 0\n");
        await WriteAsync("sleep", "#!/bin/sh\nexit 0\n");
        return await CommandLine.RunAsync("/bin/sh", [Repository.Path(Hook)], Cancel, environment: new Dictionary<string, string>
        {
            ["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}",
            ["AZURE_SUBSCRIPTION_ID"] = "00000000-0000-0000-0000-000000000001",
            ["AZURE_RESOURCE_GROUP"] = "rg-sample",
            ["AZURE_FUNCTION_APP_NAME"] = "func-sample",
            ["AZURE_FUNCTION_APP_URL"] = "https://func-sample.azurewebsites.net",
            ["AZURE_STORAGE_ACCOUNT_NAME"] = "stsample",
            ["AZURE_EVENT_GRID_TOPIC_NAME"] = "egst-sample",
        });
    }

    private async Task WriteAsync(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        await File.WriteAllTextAsync(path, text, Cancel);
        await CommandLine.RunAsync("chmod", ["+x", path], Cancel);
    }
}
