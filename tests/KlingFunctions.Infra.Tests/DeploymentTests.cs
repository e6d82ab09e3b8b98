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

/// <summary>What would be deployed, held against what the app asks for.</summary>
public sealed class DeploymentTests
{
    private const string Account = "Microsoft.Storage/storageAccounts";

    // Names of roles by their ids: learn.microsoft.com/azure/role-based-access-control/built-in-roles.
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
    public void The_app_starts_with_its_settings(string backend)
    {
        using var app = App(SettingsOf(backend));

        app.GetRequiredService<IStartupValidator>().Validate();
    }

    [Theory]
    [InlineData("RunComfy__ApiToken")]
    [InlineData("Storage__Blobs")]
    public void The_app_does_not_start_without(string setting)
    {
        var settings = SettingsOf("storage");
        Assert.True(settings.Remove(setting));
        using var app = App(settings);

        var wrong = Assert.ThrowsAny<Exception>(app.GetRequiredService<IStartupValidator>().Validate);

        Assert.Contains(setting.Replace("__", ":", StringComparison.Ordinal), wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void No_setting_is_one_that_nobody_reads(string backend)
    {
        var ours = PipelineServices.Sections.SelectMany(s => s.Value.GetProperties().Select(p => $"{s.Key}__{p.Name}"));
        string[] theirs = ["AzureWebJobsStorage__accountName", "AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId"];
        // What the code and the host.json of each backend name.
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
    public void The_secrets_are_references_to_the_vault_and_the_vault_has_them()
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
    public void The_app_has_the_roles_that_it_needs_and_no_other(string backend)
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
    public void Event_Grid_may_write_where_its_dead_letters_go_and_nowhere_else()
    {
        var role = Assert.Single(Deployment.Storage.Of("Microsoft.Authorization/roleAssignments"), r => r.Text("principalId").Contains("systemTopics", StringComparison.Ordinal));

        Assert.EndsWith(StorageBlobDataContributor, role.Text("roleDefinitionId"), StringComparison.Ordinal);
        Assert.Contains("/containers/event-dead-letters/providers/", role.Id, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_deploys_may_upload_look_and_read_the_webhook_secret()
    {
        var roles = Deployment.Storage.Roles.Where(r => r.Holder == "11111111-1111-1111-1111-111111111111").Select(r => (r.Role, r.On));

        Assert.Equal([(StorageBlobDataContributor, Account), (KeyVaultSecretsUser, "Microsoft.KeyVault/vaults")], roles);
    }

    [Fact]
    public void Who_deploys_opens_the_dashboard_of_the_scheduler()
    {
        var roles = Deployment.Dts.Roles.Where(r => r.Holder == "11111111-1111-1111-1111-111111111111").Select(r => (r.Role, r.On));

        Assert.Contains((DurableTaskDataContributor, "Microsoft.DurableTask/schedulers"), roles);
        Assert.Contains("param principalId string = deployer().objectId", Repository.Read("infra/main.bicep"), StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_open_nothing()
    {
        foreach (var deployment in Deployment.Both)
        {
            var account = deployment.Only(Account).Properties;
            Assert.False(account.GetProperty("allowSharedKeyAccess").GetBoolean());
            Assert.False(account.GetProperty("allowBlobPublicAccess").GetBoolean());
            // Blobs in a hierarchical namespace take no index tags.
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
    public void No_output_tells_a_secret()
    {
        foreach (var deployment in Deployment.Both)
        {
            Assert.DoesNotContain("marked-", deployment.Text, StringComparison.Ordinal);
            Assert.All(deployment.Outputs.EnumerateObject(), o => Assert.DoesNotMatch("(?i)secret|token|key(?!_vault)|connection", $"{o.Name.Replace("KEY_VAULT", "", StringComparison.Ordinal)} {o.Value}"));
        }
    }

    [Fact]
    public void The_app_is_of_the_kind_that_was_built()
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
    public void The_app_forgets_a_job_before_the_Scheduler_purges_it()
    {
        // What ended 30 days ago, on the Consumption SKU: learn.microsoft.com/azure/durable-task/scheduler/durable-task-scheduler.
        Assert.True(TimeSpan.Parse(Deployment.Dts.AppSettings["Pipeline__KeepFor"], CultureInfo.InvariantCulture) < TimeSpan.FromDays(30));
        Assert.DoesNotContain("Pipeline__KeepFor", Deployment.Storage.AppSettings.Keys);
    }

    [Fact]
    public void Instances_wait_for_uploads_if_they_are_asked_for()
    {
        Assert.Empty(AlwaysReady(Deployment.Storage));
        Assert.Equal([("blob", 1)], AlwaysReady(Deployment.Dts));

        static IEnumerable<(string?, int)> AlwaysReady(Deployment deployment) =>
            deployment.Only("Microsoft.Web/sites").Properties.GetProperty("functionAppConfig").GetProperty("scaleAndConcurrency").GetProperty("alwaysReady")
                .EnumerateArray().Select(group => (group.GetProperty("name").GetString(), group.GetProperty("instanceCount").GetInt32()));
    }

    [Fact]
    public void Closed_to_the_Internet_storage_and_vault_are_reached_from_the_network_of_the_app()
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
    public void Alerts_ask_for_metrics_that_the_app_writes_with_the_words_that_it_uses()
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
    public void Somebody_is_told_of_alerts_with_an_address_or_without()
    {
        var owners = Deployment.Storage.Only("Microsoft.Insights/actionGroups").Properties;
        var operators = Deployment.Dts.Only("Microsoft.Insights/actionGroups").Properties;

        Assert.Single(owners.GetProperty("armRoleReceivers").EnumerateArray());
        Assert.Equal("operator@example.com", Assert.Single(operators.GetProperty("emailReceivers").EnumerateArray()).GetProperty("emailAddress").GetString());
    }

    [Fact]
    public void Events_go_to_the_trigger_by_its_name_for_its_container_alone()
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
    public void Every_parameter_can_be_set_and_only_those_that_are_there()
    {
        var parameters = Regex.Matches(Repository.Read("infra/main.bicep"), @"^param (\w+)", RegexOptions.Multiline).Select(m => m.Groups[1].Value);
        using var file = JsonDocument.Parse(Repository.Read("infra/main.parameters.json"));

        // Azure knows who deploys: azd's own word for it may be empty, and would override the default.
        Assert.Equal(parameters.Except(["principalId", "principalType"]).Order(), file.RootElement.GetProperty("parameters").EnumerateObject().Select(p => p.Name).Order());
    }

    private static Deployment Of(string backend) => backend == "dts" ? Deployment.Dts : Deployment.Storage;

    /// <summary>The app settings, with values in the place of what only Azure knows.</summary>
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
