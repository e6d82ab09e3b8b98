using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Serialization;

namespace KlingFunctions.Infra;

/// <summary>The files for other programs: azd, GitHub's runners, editors.</summary>
public sealed class AutomationTests
{
    public static TheoryData<string> Workflows =>
        [.. Directory.GetFiles(Repository.Path(".github/workflows"), "*.yml").Select(p => Path.GetRelativePath(Repository.Root, p)).Order()];

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Workflow_names_every_action_by_its_hash(string workflow)
    {
        var uses = Regex.Matches(Repository.Read(workflow), @"^\s*(?:- )?uses: (.+)$", RegexOptions.Multiline).Select(m => m.Groups[1].Value).ToList();

        Assert.NotEmpty(uses);
        Assert.All(uses, use => Assert.Matches(@"^[\w-]+/[\w-]+(/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+$", use));
    }

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Workflow_has_no_rights_and_each_job_lists_its_own(string workflow)
    {
        var yaml = Yaml(workflow);

        Assert.Empty((Dictionary<object, object>)yaml["permissions"]);
        foreach (var job in ((Dictionary<object, object>)yaml["jobs"]).Values.Cast<Dictionary<object, object>>())
        {
            var rights = (Dictionary<object, object>)job["permissions"];
            Assert.All(rights, right => Assert.True(
                (string)right.Value == "read" || ((string)right.Key, (string)right.Value) is ("security-events", "write") or ("id-token", "write"), $"{right.Key}: {right.Value}"));
            Assert.True(job.ContainsKey("timeout-minutes"));
        }
    }

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Untrusted_text_is_never_part_of_a_script(string workflow) =>
        Assert.DoesNotMatch(@"run: .*\$\{\{|\|\n(\s+.*\n)*?\s+.*\$\{\{ *github\.(event|head_ref)", Repository.Read(workflow));

    [Fact]
    public void Azd_finds_the_project_the_hooks_and_the_resource_to_deploy_to()
    {
        var azd = Yaml("azure.yaml");
        var services = (Dictionary<object, object>)azd["services"];
        var (name, service) = Assert.Single(services);

        Assert.True(File.Exists(Repository.Path($"{((Dictionary<object, object>)service)["project"]}/KlingFunctions.csproj")));
        Assert.Contains($"'azd-service-name': '{name}'", Repository.Read("infra/modules/app.bicep"), StringComparison.Ordinal);
        var hook = (Dictionary<object, object>)((Dictionary<object, object>)azd["hooks"])["postdeploy"];
        Assert.All(hook.Values.Cast<Dictionary<object, object>>(), system => Assert.True(File.Exists(Repository.Path((string)system["run"]))));
    }

    [Fact]
    public void Build_and_deployment_take_the_backend_from_the_same_name()
    {
        Assert.Contains("${DURABLE_BACKEND=storage}", Repository.Read("infra/main.parameters.json"), StringComparison.Ordinal);
        Assert.Contains("$(DURABLE_BACKEND)", Repository.Read("src/KlingFunctions/KlingFunctions.csproj"), StringComparison.Ordinal);
        var azd = (string)((Dictionary<object, object>)Yaml("azure.yaml")["requiredVersions"])["azd"];
        // The first version that passes the values of 'azd env set' to a build: github.com/Azure/azure-dev/pull/6905.
        Assert.True(Version.Parse(azd.Replace(">= ", "", StringComparison.Ordinal)) >= new Version(1, 23, 7), azd);
    }

    [Fact]
    public void Hook_uses_only_variables_that_azd_sets()
    {
        var known = Regex.Matches(Repository.Read("infra/main.bicep"), @"^output (\w+)", RegexOptions.Multiline).Select(m => m.Groups[1].Value)
            .Append("AZURE_SUBSCRIPTION_ID").ToHashSet();

        foreach (var hook in new[] { "infra/hooks/postdeploy.sh", "infra/hooks/postdeploy.ps1" })
        {
            var asked = Regex.Matches(Repository.Read(hook), @"\$\{?(?:env:)?(AZURE_\w+)").Select(m => m.Groups[1].Value).Distinct().ToList();
            Assert.NotEmpty(asked);
            Assert.Empty(asked.Except(known));
        }
    }

    [Fact]
    public void Requests_for_editors_are_all_the_calls_of_the_contract()
    {
        using var contract = JsonDocument.Parse(Repository.Read("src/KlingFunctions.Pipeline/Http/openapi.json"));
        // Signed links come from answers and are not written by hand.
        var operations = contract.RootElement.GetProperty("paths").EnumerateObject()
            .Where(path => !path.Name.StartsWith("/api/signed/", StringComparison.Ordinal)).SelectMany(path => path.Value.EnumerateObject()
            .Where(o => o.Name is "get" or "post" or "delete").Select(o => $"{o.Name.ToUpperInvariant()} {Regex.Replace(path.Name, @"\{\w+\}", "{}")}"));

        var requests = Regex.Matches(Repository.Read("test.http"), @"^(GET|POST|DELETE) \{\{host\}\}(/api/[^\s?]+)", RegexOptions.Multiline)
            .Select(m => $"{m.Groups[1].Value} {Regex.Replace(m.Groups[2].Value, @"\{\{[\w.]+\}\}", "{}")}");

        Assert.Equal(operations.Order(), requests.Distinct().Order());
    }

    private static Dictionary<string, object> Yaml(string path) => new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(Repository.Read(path));
}
