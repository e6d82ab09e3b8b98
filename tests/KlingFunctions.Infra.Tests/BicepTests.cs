using System.Text;
using System.Text.Json;

namespace KlingFunctions.Infra;

/// <summary>The Bicep files compile without warnings, and the resulting deployment equals its snapshot.</summary>
public sealed class BicepTests
{
    // The values of a snapshot; any others would work too.
    private static readonly string[] Where =
    [
        "--subscription-id", "00000000-0000-0000-0000-000000000001", "--tenant-id", "00000000-0000-0000-0000-000000000002", "--location", "swedencentral",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Deployments => ["storage", "dts"];

    [Fact]
    public async Task Every_file_compiles_without_a_warning()
    {
        var files = Directory.GetFiles(Repository.Path("infra"), "*.bicep", SearchOption.AllDirectories);
        Assert.True(files.Length > 10);

        Assert.Empty(await DiagnosticsOf(Repository.Path("infra")));
    }

    [Theory]
    [InlineData("resource a 'Microsoft.Storage/storageAccounts@2025-06-01' = { name: 'abc', location: 'x', kind: 5, sku: { name: 'Standard_LRS' } }", "BCP036")]
    [InlineData("resource a 'Microsoft.Storage/storageAccounts@2025-06-01' = { name: 'abc', location: 'x', kind: 'StorageV2', sku: { name: 'Standard_LRS' }, properties: { allowSharedKeys: false } }", "BCP037")]
    [InlineData("resource a 'Microsoft.Storage/storageAccount@2025-06-01' = { name: 'abc' }", "BCP081")]
    [InlineData("param unused string", "no-unused-params")]
    public async Task Fault_in_a_file_fails_though_the_compiler_only_warns(string faulty, string rule)
    {
        var folder = Directory.CreateTempSubdirectory("bicep").FullName;
        File.Copy(Repository.Path("infra/bicepconfig.json"), Path.Combine(folder, "bicepconfig.json"));
        await File.WriteAllTextAsync(Path.Combine(folder, "faulty.bicep"), faulty, Cancel);

        Assert.Contains(await DiagnosticsOf(folder), d => d.Contains(rule, StringComparison.Ordinal));
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>
    /// ARM's rule for templates of language version 2.0, whatever their conditions, existing resources included. The compiler does not
    /// check it.
    /// </summary>
    [Fact]
    public async Task No_template_has_two_resources_of_one_name()
    {
        var build = await CommandLine.RunAsync(Repository.Bicep, ["build", Repository.Path("infra/main.bicep"), "--stdout"], Cancel);
        using var main = JsonDocument.Parse(build.Output);

        var templates = Templates(main.RootElement).ToList();

        Assert.True(templates.Count > 10);
        Assert.All(templates, template => Assert.Distinct(
            Resources(template).Select(r => $"{Part(r, "type")} {Part(r, "name")} {Part(r, "scope")} {Part(r, "resourceGroup")}")));

        static string Part(JsonElement resource, string name) => resource.TryGetProperty(name, out var part) ? part.GetString()! : "";

        static IEnumerable<JsonElement> Templates(JsonElement template) =>
            Resources(template).Where(r => Part(r, "type") == "Microsoft.Resources/deployments")
                .SelectMany(r => Templates(r.GetProperty("properties").GetProperty("template"))).Prepend(template);

        // A template of version 2.0 or later has resources by symbolic name.
        static IEnumerable<JsonElement> Resources(JsonElement template) =>
            template.GetProperty("resources") is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray()
                : template.GetProperty("resources").EnumerateObject().Select(r => r.Value);
    }

    [Theory]
    [MemberData(nameof(Deployments))]
    public async Task Deployment_equals_its_reviewed_snapshot(string deployment)
    {
        var parameters = $"tests/KlingFunctions.Infra.Tests/Deployments/{deployment}.bicepparam";

        var validation = await CommandLine.RunAsync(Repository.Bicep, ["snapshot", parameters, .. Where, "--mode", "validate"], Cancel);

        Assert.True(
            validation.Code == 0,
            $"The deployment is another than the snapshot beside {parameters}. If that is meant, review the difference and take it:\n"
            + $"bicep snapshot {parameters} {string.Join(' ', Where)} --mode overwrite\n{validation.Output}{validation.Error}");
    }

    private static async Task<IReadOnlyList<string>> DiagnosticsOf(string folder)
    {
        var lint = await CommandLine.RunAsync(Repository.Bicep, ["lint", "--pattern", $"{folder}/**/*.bicep", "--diagnostics-format", "sarif"], Cancel);
        // One report for each file, in sequence.
        var reports = new List<JsonElement>();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(lint.Output + lint.Error), new JsonReaderOptions { AllowMultipleValues = true });
        while (reader.Read()) reports.Add(JsonElement.ParseValue(ref reader));
        Assert.NotEmpty(reports);
        return
        [
            .. reports.SelectMany(report => report.GetProperty("runs").EnumerateArray()).SelectMany(run => run.GetProperty("results").EnumerateArray())
                .Select(result => $"{result.GetProperty("ruleId").GetString()} {result.GetProperty("message").GetProperty("text").GetString()} "
                    + result.GetProperty("locations")[0].GetProperty("physicalLocation").GetRawText()).Distinct(),
        ];
    }
}
