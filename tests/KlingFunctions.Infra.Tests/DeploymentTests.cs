using System.Diagnostics.Metrics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Infra;

/// <summary>The deployment, compared with the needs of the app.</summary>
public sealed class DeploymentTests
{
    private const string Account = "Microsoft.Storage/storageAccounts";

    // Role names and ids: learn.microsoft.com/azure/role-based-access-control/built-in-roles.
    private const string StorageBlobDataOwner = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";
    private const string StorageBlobDataContributor = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
    private const string StorageQueueDataContributor = "974c5e8b-45b9-4653-ba55-5f855dd0fae8";
    private const string StorageTableDataContributor = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3";
    private const string KeyVaultSecretsUser = "4633458b-17de-408a-b874-0445c86b69e6";
    private const string MonitoringMetricsPublisher = "3913510d-42f4-4e42-8a64-420c390055eb";
    private const string DurableTaskDataContributor = "0ad04412-c4d5-4796-b79c-f76d14c8d402";

    public static TheoryData<string> Backends => ["storage", "dts"];

    [Theory]
    [MemberData(nameof(Backends))]
    public void App_starts_with_the_deployed_settings(string backend)
    {
        using var app = App(SettingsOf(backend));

        app.GetRequiredService<IStartupValidator>().Validate();
    }

    [Theory]
    [InlineData("RunComfy__ApiToken")]
    [InlineData("Storage__Blobs")]
    public void App_does_not_start_without_a_needed_setting(string setting)
    {
        var settings = SettingsOf("storage");
        Assert.True(settings.Remove(setting));
        using var app = App(settings);

        var wrong = Assert.ThrowsAny<Exception>(app.GetRequiredService<IStartupValidator>().Validate);

        Assert.Contains(setting.Replace("__", ":", StringComparison.Ordinal), wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Every_deployed_setting_is_read_by_someone(string backend)
    {
        var ours = PipelineServices.Sections.SelectMany(s => s.Value.GetProperties().Select(p => $"{s.Key}__{p.Name}"));
        string[] theirs =
            ["AzureWebJobsStorage__accountName", "AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId", "AzureWebJobsDisableHomepage"];
        // The names in the code and in each backend's host.json.
        var named = Regex.Matches(
            Repository.Read("src/KlingFunctions/TelemetryExport.cs") + Repository.Read("src/KlingFunctions.AzureStorage/AzureCredential.cs") + Repository.Read("host.dts.json"),
            "[A-Z]+(_[A-Z]+)+").Select(m => m.Value);

        Assert.Empty(SettingsOf(backend).Keys.Except([.. ours, .. theirs, .. named]));
    }

    [Fact]
    public void Each_backend_has_the_settings_that_its_host_json_names()
    {
        var needed = Regex.Matches(Repository.Read("host.dts.json"), "%?([A-Z]+(_[A-Z]+)+)%?").Select(m => m.Groups[1].Value).Distinct().ToList();

        Assert.NotEmpty(needed);
        Assert.Empty(needed.Except(SettingsOf("dts").Keys));
        Assert.Empty(needed.Intersect(SettingsOf("storage").Keys));
    }

    [Fact]
    public void Secrets_are_references_to_the_vault_and_the_vault_has_them()
    {
        var inVault = Deployment.Storage.Of("Microsoft.KeyVault/vaults/secrets").Select(s => s.Name.Split('/')[1]).ToHashSet();

        foreach (var setting in new[] { "RunComfy__ApiToken", "Webhooks__Secret", "Links__SigningKey" })
        {
            var reference = Regex.Match(Deployment.Storage.AppSettings[setting], @"^\[format\('@Microsoft.KeyVault\(SecretUri=\{0\}secrets/\{1\}\)', .*vaultUri, '([\w-]+)'\)\]$");
            Assert.True(reference.Success, Deployment.Storage.AppSettings[setting]);
            Assert.Contains(reference.Groups[1].Value, inVault);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Every_container_of_the_app_exists(string backend)
    {
        var containers = Of(backend).Of($"{Account}/blobServices/containers").Select(c => c.Name.Split('/')[^1]);

        Assert.Equal([.. Containers.All.Order(), "app-packages", "event-dead-letters"], containers.OrderBy(c => Containers.All.Contains(c) ? 0 : 1).ThenBy(c => c, StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void App_has_exactly_the_roles_that_it_needs(string backend)
    {
        List<(string, string)> needed =
        [
            (StorageBlobDataOwner, Account), (StorageQueueDataContributor, Account), (StorageTableDataContributor, Account),
            (KeyVaultSecretsUser, "Microsoft.KeyVault/vaults"), (MonitoringMetricsPublisher, "Microsoft.Insights/components"),
        ];
        if (backend == "dts") needed.Add((DurableTaskDataContributor, "Microsoft.DurableTask/schedulers"));

        var has = Of(backend).Roles.Where(r => r.Holder.Contains("userAssignedIdentities", StringComparison.Ordinal)).Select(r => (r.Role, r.On));

        Assert.Equal(needed.Order(), has.Order());
    }

    [Fact]
    public void Event_Grid_may_only_write_to_the_dead_letter_container()
    {
        var role = Assert.Single(Deployment.Storage.Of("Microsoft.Authorization/roleAssignments"), r => r.Text("principalId").Contains("systemTopics", StringComparison.Ordinal));

        Assert.EndsWith(StorageBlobDataContributor, role.Text("roleDefinitionId"), StringComparison.Ordinal);
        Assert.Contains("/containers/event-dead-letters/providers/", role.Id, StringComparison.Ordinal);
    }

    [Fact]
    public void Deployer_may_upload_read_and_get_the_webhook_secret()
    {
        var roles = Deployment.Storage.Roles.Where(r => r.Holder == "11111111-1111-1111-1111-111111111111").Select(r => (r.Role, r.On));

        Assert.Equal([(StorageBlobDataContributor, Account), (KeyVaultSecretsUser, "Microsoft.KeyVault/vaults")], roles);
    }

    [Fact]
    public void Deployer_can_open_the_dashboard_of_the_scheduler()
    {
        var roles = Deployment.Dts.Roles.Where(r => r.Holder == "11111111-1111-1111-1111-111111111111").Select(r => (r.Role, r.On));

        Assert.Contains((DurableTaskDataContributor, "Microsoft.DurableTask/schedulers"), roles);
        Assert.Contains("param principalId string = deployer().objectId", Repository.Read("infra/main.bicep"), StringComparison.Ordinal);
    }

    [Fact]
    public void Account_keys_are_disabled()
    {
        foreach (var deployment in Deployment.Both)
        {
            var account = deployment.Only(Account).Properties;
            Assert.False(account.GetProperty("allowSharedKeyAccess").GetBoolean());
            Assert.False(account.GetProperty("allowBlobPublicAccess").GetBoolean());
            // A hierarchical namespace does not support index tags.
            Assert.False(account.GetProperty("isHnsEnabled").GetBoolean());
            Assert.True(deployment.Only("Microsoft.Insights/components").Properties.GetProperty("DisableLocalAuth").GetBoolean());
            Assert.True(deployment.Only("Microsoft.OperationalInsights/workspaces").Properties.GetProperty("features").GetProperty("disableLocalAuth").GetBoolean());
            Assert.True(deployment.Only("Microsoft.KeyVault/vaults").Properties.GetProperty("enableRbacAuthorization").GetBoolean());
            Assert.All(deployment.Of("Microsoft.Web/sites/basicPublishingCredentialsPolicies"), p => Assert.False(p.Properties.GetProperty("allow").GetBoolean()));
            Assert.Equal(2, deployment.Of("Microsoft.Web/sites/basicPublishingCredentialsPolicies").Count());
            Assert.DoesNotContain("AccountKey", deployment.Text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("listKeys", deployment.Text, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void No_output_contains_a_secret()
    {
        foreach (var deployment in Deployment.Both)
        {
            Assert.DoesNotContain("marked-", deployment.Text, StringComparison.Ordinal);
            Assert.All(deployment.Outputs.EnumerateObject(), o => Assert.DoesNotMatch("(?i)secret|token|key(?!_vault)|connection", $"{o.Name.Replace("KEY_VAULT", "", StringComparison.Ordinal)} {o.Value}"));
        }
    }

    [Fact]
    public void App_has_the_kind_that_was_built()
    {
        var app = Deployment.Storage.Only("Microsoft.Web/sites").Properties;
        var config = app.GetProperty("functionAppConfig");

        Assert.Equal("dotnet-isolated", config.GetProperty("runtime").GetProperty("name").GetString());
        Assert.Equal("10.0", config.GetProperty("runtime").GetProperty("version").GetString());
        Assert.Contains("<TargetFramework>net10.0</TargetFramework>", Repository.Read("Directory.Build.props"), StringComparison.Ordinal);
        Assert.True(app.GetProperty("httpsOnly").GetBoolean());
        Assert.Contains("app-packages", config.GetProperty("deployment").GetProperty("storage").GetProperty("value").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void App_deletes_a_job_before_the_Scheduler_purges_it()
    {
        // The Consumption SKU purges ended instances after 30 days:
        // learn.microsoft.com/azure/durable-task/scheduler/durable-task-scheduler.
        Assert.True(TimeSpan.Parse(Deployment.Dts.AppSettings["Pipeline__KeepFor"], CultureInfo.InvariantCulture) < TimeSpan.FromDays(30));
        Assert.DoesNotContain("Pipeline__KeepFor", Deployment.Storage.AppSettings.Keys);
    }

    [Fact]
    public void Always_ready_instances_for_uploads_are_optional()
    {
        Assert.Empty(AlwaysReady(Deployment.Storage));
        Assert.Equal([("blob", 1)], AlwaysReady(Deployment.Dts));

        static IEnumerable<(string?, int)> AlwaysReady(Deployment deployment) =>
            deployment.Only("Microsoft.Web/sites").Properties.GetProperty("functionAppConfig").GetProperty("scaleAndConcurrency").GetProperty("alwaysReady")
                .EnumerateArray().Select(group => (group.GetProperty("name").GetString(), group.GetProperty("instanceCount").GetInt32()));
    }

    [Fact]
    public void Isolated_storage_and_vault_are_reached_from_the_apps_network()
    {
        Assert.Equal("Allow", Deployment.Storage.Only(Account).Properties.GetProperty("networkAcls").GetProperty("defaultAction").GetString());
        Assert.Equal("Deny", Deployment.Dts.Only(Account).Properties.GetProperty("networkAcls").GetProperty("defaultAction").GetString());
        Assert.Equal("Deny", Deployment.Dts.Only("Microsoft.KeyVault/vaults").Properties.GetProperty("networkAcls").GetProperty("defaultAction").GetString());
        Assert.Equal(["203.0.113.7", "198.51.100.0/24"], Deployment.Dts.Only(Account).Properties.GetProperty("networkAcls").GetProperty("ipRules").EnumerateArray().Select(r => r.GetProperty("value").GetString()));
        Assert.Equal(4, Deployment.Dts.Of("Microsoft.Network/privateEndpoints").Count());
        Assert.EndsWith("/subnets/app", Deployment.Dts.Only("Microsoft.Web/sites").Text("virtualNetworkSubnetId"), StringComparison.Ordinal);
        Assert.Empty(Deployment.Storage.Of("Microsoft.Network/privateEndpoints"));
    }

    [Fact]
    public void Alerts_query_metrics_and_label_values_that_the_app_writes()
    {
        var metrics = typeof(KlingTelemetry).GetFields(BindingFlags.Static | BindingFlags.Public).Select(f => f.GetValue(null)).OfType<Instrument>().Select(i => i.Name).ToHashSet();
        var words = EventTypes.All.Concat(Enum.GetNames<DeliveryState>()).ToHashSet();
        var queries = Deployment.Storage.Of("Microsoft.Insights/scheduledQueryRules")
            .Select(r => r.Properties.GetProperty("criteria").GetProperty("allOf")[0].GetProperty("query").GetString()!).ToList();

        Assert.Equal(3, queries.Count);
        Assert.All(queries, query =>
        {
            Assert.Contains(Regex.Match(query, "Name == \"([^\"]+)\"").Groups[1].Value, metrics);
            var word = Regex.Match(query, "Properties\\[\"\\w+\"\\]\\) == \"([^\"]+)\"");
            if (word.Success) Assert.Contains(word.Groups[1].Value, words);
        });
        Assert.All(
            Deployment.Storage.Of("Microsoft.Insights/scheduledQueryRules"), r => Assert.Single(r.Properties.GetProperty("actions").GetProperty("actionGroups").EnumerateArray()));
    }

    [Fact]
    public void Alerts_deploy_with_or_without_a_mail_address()
    {
        var owners = Deployment.Storage.Only("Microsoft.Insights/actionGroups").Properties;
        var operators = Deployment.Dts.Only("Microsoft.Insights/actionGroups").Properties;

        Assert.Single(owners.GetProperty("armRoleReceivers").EnumerateArray());
        Assert.Equal("operator@example.com", Assert.Single(operators.GetProperty("emailReceivers").EnumerateArray()).GetProperty("emailAddress").GetString());
    }

    [Fact]
    public void Events_of_the_uploads_container_alone_go_to_the_trigger_by_name()
    {
        var subscription = Repository.Read("infra/upload-events.bicep");
        var trigger = Repository.Read("src/KlingFunctions/Triggers/UploadedAsset.cs");

        var function = Regex.Match(subscription, @"functionName=Host\.Functions\.(\w+)&").Groups[1].Value;
        Assert.Contains($"[Function(nameof({function}))]", trigger, StringComparison.Ordinal);
        Assert.Contains("BlobTriggerSource.EventGrid", trigger, StringComparison.Ordinal);
        Assert.Contains($"'/blobServices/default/containers/{Containers.Uploads}/blobs/'", subscription, StringComparison.Ordinal);
        Assert.Contains("blobContainerName: 'event-dead-letters'", subscription, StringComparison.Ordinal);
    }

    [Fact]
    public void Parameter_file_sets_exactly_the_existing_parameters()
    {
        var parameters = Regex.Matches(Repository.Read("infra/main.bicep"), @"^param (\w+)", RegexOptions.Multiline).Select(m => m.Groups[1].Value);
        using var file = JsonDocument.Parse(Repository.Read("infra/main.parameters.json"));

        // Azure knows the deployer: azd's own value may be empty, and would override the default.
        Assert.Equal(parameters.Except(["principalId", "principalType"]).Order(), file.RootElement.GetProperty("parameters").EnumerateObject().Select(p => p.Name).Order());
    }

    private static Deployment Of(string backend) => backend == "dts" ? Deployment.Dts : Deployment.Storage;

    /// <summary>The app settings, with values in place of those that only Azure knows.</summary>
    private static Dictionary<string, string> SettingsOf(string backend) => Of(backend).AppSettings.ToDictionary(s => s.Key, s => s.Key switch
    {
        "Storage__Blobs" => "https://stsample.blob.core.windows.net/",
        "Links__SigningKey" => Convert.ToBase64String(new byte[64]),
        "Webhooks__Secret" => "whsec_" + Convert.ToBase64String(new byte[64]),
        _ => s.Value.StartsWith('[') ? "known-to-azure" : s.Value,
    });

    private static ServiceProvider App(IReadOnlyDictionary<string, string> settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.ToDictionary(s => s.Key.Replace("__", ":", StringComparison.Ordinal), s => (string?)s.Value)).Build();
        return new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddPipeline(configuration).AddAzureStores(configuration).BuildServiceProvider();
    }
}
