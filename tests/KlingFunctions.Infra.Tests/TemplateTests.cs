using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Serialization;

namespace KlingFunctions.Infra;

/// <summary>
/// Requirements of azd's gallery and of the Azure Functions quickstarts: github.com/microsoft/template-validation-action,
/// github.com/Azure/awesome-azd, github.com/Azure-Samples/functions-quickstart-dotnet-azd.
/// </summary>
public sealed class TemplateTests
{
    private static string Address { get; } = Build("RepositoryUrl");

    public static TheoryData<string> Forms =>
        [.. Directory.GetFiles(Repository.Path(".github/ISSUE_TEMPLATE"), "*.yml").Select(p => Path.GetRelativePath(Repository.Root, p)).Order()];

    public static TheoryData<string> EditorFiles =>
        [.. Directory.GetFiles(Repository.Path(".vscode")).Select(p => Path.GetRelativePath(Repository.Root, p)).Order(), "src/KlingFunctions/Properties/launchSettings.json", ".devcontainer/devcontainer.json"];

    [Theory]
    [InlineData("LICENSE")]
    [InlineData("SECURITY.md")]
    [InlineData("CONTRIBUTING.md")]
    [InlineData("CODE_OF_CONDUCT.md")]
    [InlineData(".github/PULL_REQUEST_TEMPLATE.md")]
    [InlineData(".github/workflows/azure-dev.yml")]
    [InlineData(".devcontainer/devcontainer.json")]
    public void Gallery_finds_the_file(string file) => Assert.True(File.Exists(Repository.Path(file)));

    [Fact]
    public void Readme_has_the_front_matter_of_a_sample()
    {
        var front = Regex.Match(Repository.Read("README.md"), @"\A---\n(.+?)\n---\n", RegexOptions.Singleline);
        Assert.True(front.Success);
        var yaml = Yaml(front.Groups[1].Value);

        Assert.Equal("sample", yaml["page_type"]);
        Assert.Equal(["azdeveloper", "bicep", "csharp"], ((List<object>)yaml["languages"]).Cast<string>().Order());
        Assert.Contains("azure-functions", (List<object>)yaml["products"]);
        Assert.Matches("^[a-z-]+$", (string)yaml["urlFragment"]);
        Assert.NotEmpty((string)yaml["name"]);
        Assert.NotEmpty((string)yaml["description"]);
    }

    [Theory]
    [InlineData("## Features")]
    [InlineData("## Getting Started")]
    [InlineData("## Guidance")]
    [InlineData("## Resources")]
    public void Readme_has_the_section(string section) => Assert.Contains($"\n{section}\n", Repository.Read("README.md"), StringComparison.Ordinal);

    [Fact]
    public void Readme_opens_in_Codespaces_and_begins_deployment_with_the_template()
    {
        var name = new Uri(Address).AbsolutePath[1..];

        Assert.Contains($"https://codespaces.new/{name})", Repository.Read("README.md"), StringComparison.Ordinal);
        var commands = Regex.Match(Repository.Read("README.md"), @"### Deploy\n.*?```sh\n(.+?)```", RegexOptions.Singleline).Groups[1].Value;
        Assert.StartsWith($"azd init --template {name} ", commands, StringComparison.Ordinal);
    }

    [Fact]
    public void Repository_address_is_the_same_everywhere()
    {
        var owner = new Uri(Address).AbsolutePath.Split('/')[1];
        var files = new[] { "README.md", "infra/connector.merge-patch.json", "infra/connector/apiDefinition.swagger.json", ".github/ISSUE_TEMPLATE/config.yml" };

        Assert.All(files, file => Assert.All(
            Regex.Matches(Repository.Read(file), @$"https://github\.com/{owner}/[\w-]+").Select(m => m.Value), address => Assert.Equal(Address, address)));
    }

    [Fact]
    public void Template_has_the_version_of_the_build() =>
        Assert.Equal($"klingfunctions@{Build("Version")}", ((Dictionary<object, object>)Yaml(Repository.Read("azure.yaml"))["metadata"])["template"]);

    [Fact]
    public void Name_region_and_token_are_the_only_prompts()
    {
        using var file = JsonDocument.Parse(Repository.Read("infra/main.parameters.json"));

        var asked = file.RootElement.GetProperty("parameters").EnumerateObject().Select(p => p.Value.GetProperty("value").GetString()!)
            .Where(value => !value.Contains('=', StringComparison.Ordinal));

        Assert.Equal(["${AZURE_ENV_NAME}", "${AZURE_LOCATION}", "${RUNCOMFY_API_TOKEN}"], asked);
        Assert.All(asked.Skip(2), value => Assert.Contains($"azd env set {value[2..^1]} ", Repository.Read("README.md"), StringComparison.Ordinal));
    }

    [Fact]
    public void Regions_are_offered_and_include_that_of_the_sample_deployment()
    {
        var regions = Regex.Match(Repository.Read("infra/main.bicep"), @"@allowed\(\[\n((?:  '\w+'\n)+)\]\)\n@metadata\(\{ azd: \{ type: 'location' \} \}\)\nparam location ");

        Assert.True(regions.Success);
        var names = regions.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Trim(' ', '\'')).ToList();
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.Contains("swedencentral", names);
    }

    [Fact]
    public void Workflow_deploys_with_federated_credentials()
    {
        var workflow = Repository.Read(".github/workflows/azure-dev.yml");

        Assert.Contains("id-token: write", workflow, StringComparison.Ordinal);
        Assert.Contains("--federated-credential-provider github", workflow, StringComparison.Ordinal);
        Assert.Contains("run: azd up --no-prompt", workflow, StringComparison.Ordinal);
        Assert.DoesNotContain("CLIENT_SECRET", workflow, StringComparison.Ordinal);
        // 'azd pipeline config' sets the variables that the workflow reads.
        var azd = (Dictionary<object, object>)Yaml(Repository.Read("azure.yaml"))["pipeline"];
        var secrets = Regex.Matches(workflow, @"secrets\.(\w+)").Select(m => m.Groups[1].Value);
        Assert.Equal(((List<object>)azd["secrets"]).Cast<string>(), secrets);
        var variables = Regex.Matches(workflow, @"vars\.(\w+)").Select(m => m.Groups[1].Value).Distinct().Where(v => !v.StartsWith("AZURE_", StringComparison.Ordinal));
        Assert.Equal(((List<object>)azd["variables"]).Cast<string>(), variables);
    }

    [Theory]
    [MemberData(nameof(EditorFiles))]
    public void Editor_file_is_JSON_and_names_existing_items(string file)
    {
        using var json = JsonDocument.Parse(Repository.Read(file));

        var projects = Regex.Matches(json.RootElement.GetRawText(), @"(?:\$\{workspaceFolder\}/|"")(src/[\w.]+)").Select(m => m.Groups[1].Value);
        Assert.All(projects, project => Assert.True(Directory.Exists(Repository.Path(project)), project));
    }

    [Fact]
    public void Debugger_starts_existing_tasks()
    {
        using var tasks = JsonDocument.Parse(Repository.Read(".vscode/tasks.json"));
        using var launch = JsonDocument.Parse(Repository.Read(".vscode/launch.json"));
        using var settings = JsonDocument.Parse(Repository.Read(".vscode/settings.json"));
        var all = tasks.RootElement.GetProperty("tasks").EnumerateArray().ToList();
        var labels = all.Select(t => t.GetProperty("label").GetString()!).ToList();

        var started = launch.RootElement.GetProperty("configurations").EnumerateArray().Select(c => c.GetProperty("preLaunchTask").GetString()!)
            .Append(settings.RootElement.GetProperty("azureFunctions.preDeployTask").GetString()!)
            .Concat(all.Where(t => t.TryGetProperty("dependsOn", out _)).Select(t => t.GetProperty("dependsOn"))
                .SelectMany(d => d.ValueKind == JsonValueKind.Array ? d.EnumerateArray().Select(x => x.GetString()!) : [d.GetString()!]));

        Assert.Empty(started.Except(labels));
        Assert.Distinct(labels);
    }

    [Fact]
    public void Codespaces_has_the_extensions_that_the_editor_recommends()
    {
        using var recommended = JsonDocument.Parse(Repository.Read(".vscode/extensions.json"));
        using var container = JsonDocument.Parse(Repository.Read(".devcontainer/devcontainer.json"));

        Assert.Equal(
            recommended.RootElement.GetProperty("recommendations").EnumerateArray().Select(e => e.GetString()).Order(),
            container.RootElement.GetProperty("customizations").GetProperty("vscode").GetProperty("extensions").EnumerateArray().Select(e => e.GetString()).Order());
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Issue_form_is_valid_for_GitHub(string form)
    {
        var yaml = Yaml(Repository.Read(form));
        if (Path.GetFileName(form) == "config.yml")
        {
            Assert.True(yaml.ContainsKey("contact_links"));
            return;
        }

        Assert.All(["name", "description", "body"], (string part) => Assert.True(yaml.ContainsKey(part), part));
        var inputs = ((List<object>)yaml["body"]).Cast<Dictionary<object, object>>().ToList();
        Assert.All(inputs, i => Assert.Contains((string)i["type"], (string[])["markdown", "dropdown", "input", "textarea", "checkboxes"]));
        Assert.Distinct(inputs.Where(i => i.ContainsKey("id")).Select(i => (string)i["id"]));
    }

    [Fact]
    public void Blob_event_in_test_http_is_for_the_trigger()
    {
        var request = Regex.Match(Repository.Read("test.http"), @"POST \{\{host\}\}/runtime/webhooks/blobs\?functionName=Host\.Functions\.(\w+)\n(?:.+\n)+\n((?:.+\n)+)");
        Assert.Contains($"[Function(nameof({request.Groups[1].Value}))]", Repository.Read("src/KlingFunctions/Triggers/UploadedAsset.cs"), StringComparison.Ordinal);
        using var events = JsonDocument.Parse(request.Groups[2].Value);
        var blob = Assert.Single(events.RootElement.EnumerateArray());

        Assert.Equal("Microsoft.Storage.BlobCreated", blob.GetProperty("eventType").GetString());
        var path = Regex.Match(blob.GetProperty("subject").GetString()!, "^/blobServices/default/containers/uploads/blobs/(.+)$").Groups[1].Value;
        Assert.True(File.Exists(Repository.Path($"samples/uploads/{path}")));
        Assert.EndsWith($"/uploads/{path}", blob.GetProperty("data").GetProperty("url").GetString(), StringComparison.Ordinal);
    }

    private static string Build(string property) => Regex.Match(Repository.Read("Directory.Build.props"), $"<{property}>(.+)</{property}>").Groups[1].Value;

    private static Dictionary<string, object> Yaml(string text) => new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(text);
}
