using KlingFunctions.Pipeline.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Settings;

public sealed class SettingsCheckTests
{
    [Theory]
    [InlineData("Pipeline:MaxJobPerDay", "1", "Pipeline:MaxJobsPerDay")]
    [InlineData("Pipelines:MaxJobsPerDay", "1", "Pipeline:MaxJobsPerDay")]
    [InlineData("Webhook:Secret", "x", "Webhooks:Secret")]
    [InlineData("Network:AllowLoopbak", "true", "Network:AllowLoopback")]
    [InlineData("RunComfy:Token", "t0ken", "RunComfy:ApiToken")]
    [InlineData("Pipeline:PollMin:0", "00:00:05", "Pipeline:PollMin")]
    [InlineData("Webhooks:Schedule:first", "00:00:05", "Webhooks:Schedule:0")]
    public void Unknown_name_is_refused_with_the_nearest_known_one(string key, string value, string nearest)
    {
        var sentence = Assert.Single(FaultsOf(key, value));
        Assert.Contains(key, sentence, StringComparison.Ordinal);
        Assert.Contains(nearest, sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Pipeline:PollMin", "5")]
    [InlineData("Pipeline:PollMin", "5s")]
    [InlineData("Pipeline:PollMin", "1,5")]
    [InlineData("Pipeline:Deadline", "2")]
    [InlineData("Pipeline:Deadline", "02:00")]
    [InlineData("Pipeline:Deadline", "24:00:00")]
    [InlineData("Pipeline:Deadline", "1:2:3:4")]
    [InlineData("Pipeline:Deadline", "PT2H")]
    [InlineData("Pipeline:Deadline", "")]
    [InlineData("Pipeline:KeepFor", "30")]
    [InlineData("Webhooks:Schedule", "foo")]
    [InlineData("Webhooks:Schedule", "00:00:05,00:01:00")]
    [InlineData("Webhooks:Schedule:0", "5")]
    public void Duration_of_another_form_is_refused_with_the_form(string key, string value)
    {
        var sentence = Assert.Single(FaultsOf(key, value));
        Assert.Contains(key, sentence, StringComparison.Ordinal);
        Assert.Contains("hh:mm:ss", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Pipeline:MaxJobsPerDay", "lots")]
    [InlineData("Pipeline:MaxJobsPerDay", "")]
    [InlineData("Pipeline:MaxJobsPerDay", "1.5")]
    [InlineData("Pipeline:MaxJobsPerDay", "1,000")]
    [InlineData("Pipeline:MaxJobsPerDay", "99999999999")]
    [InlineData("Storage:MaxVideoBytes", "2GB")]
    public void Number_of_another_form_is_refused_with_the_form(string key, string value)
    {
        var sentence = Assert.Single(FaultsOf(key, value));
        Assert.Contains(key, sentence, StringComparison.Ordinal);
        Assert.Contains("a whole number", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Decimal_comma_is_refused_with_the_form() =>
        Assert.Contains("such as 0.5", Assert.Single(FaultsOf("Polling:SecondsPerPoll", "1,5")), StringComparison.Ordinal);

    [Theory]
    [InlineData("Pipeline:MaxSpendPerDay", "lots")]
    [InlineData("Pipeline:MaxSpendPerDay", "$10")]
    [InlineData("Pipeline:MaxSpendPerDay", "10 USD")]
    [InlineData("Pipeline:MaxSpendPerDay", "10,5")]
    [InlineData("Pipeline:MaxSpendPerDay", "")]
    [InlineData("RunComfy:PricePerSecond", "free")]
    public void Amount_of_money_of_another_form_is_refused_with_the_form(string key, string value)
    {
        var sentence = Assert.Single(FaultsOf(key, value));
        Assert.Contains(key, sentence, StringComparison.Ordinal);
        Assert.Contains("such as 10.50", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Pipeline_MaxSpendPerDay", "Pipeline:MaxSpendPerDay")]
    [InlineData("PIPELINE_MAX_SPEND_PER_DAY", "Pipeline:MaxSpendPerDay")]
    [InlineData("Pipeline.MaxJobsPerDay", "Pipeline:MaxJobsPerDay")]
    [InlineData("Pipeline-MaxJobPerDay", "Pipeline:MaxJobsPerDay")]
    [InlineData("Network_AllowLoopback", "Network:AllowLoopback")]
    [InlineData("MAX_SPEND_PER_DAY", "Pipeline:MaxSpendPerDay")]
    [InlineData("MaxInFlight", "Pipeline:MaxInFlight")]
    public void Name_without_the_right_separator_is_refused_with_both_right_forms(string key, string meant)
    {
        var sentence = Assert.Single(FaultsOf(key, "5"));
        Assert.StartsWith(key, sentence, StringComparison.Ordinal);
        Assert.Contains(meant, sentence, StringComparison.Ordinal);
        Assert.Contains(meant.Replace(":", "__", StringComparison.Ordinal), sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("1")]
    [InlineData("")]
    public void Switch_that_is_neither_true_nor_false_is_refused(string value) =>
        Assert.Contains("true or false", Assert.Single(FaultsOf("Network:AllowLoopback", value)), StringComparison.Ordinal);

    [Theory]
    [InlineData("Pipeline:Deadline", "10675199.02:48:05")]
    [InlineData("Pipeline:Deadline", "31.00:00:00")]
    [InlineData("Pipeline:PollMin", "00:00:00.0000001")]
    [InlineData("Pipeline:PollMax", "1.00:00:00")]
    [InlineData("Pipeline:KeepFor", "10675199.02:48:05")]
    [InlineData("Polling:SecondsPerPoll", "0")]
    [InlineData("Polling:SecondsPerPoll", "3601")]
    [InlineData("Polling:SecondsPerPoll", "NaN")]
    [InlineData("Pipeline:MaxInFlight", "2147483647")]
    [InlineData("Pipeline:MaxJobsPerDay", "2147483647")]
    [InlineData("Storage:MaxVideoBytes", "9223372036854775807")]
    [InlineData("Webhooks:Schedule:0", "10675199.02:48:05")]
    public void Value_out_of_bounds_stops_the_start_with_the_bounds(string key, string value)
    {
        Assert.Empty(FaultsOf(key, value));
        var configuration = Configuration((key, value), ("RunComfy:ApiToken", "t0ken"));
        using var services = new ServiceCollection().AddPipeline(configuration).BuildServiceProvider();
        var failure = Assert.Throws<OptionsValidationException>(services.GetRequiredService<IStartupValidator>().Validate);
        Assert.Matches($"^{key} is .* between .* and ", Assert.Single(failure.Failures));
    }

    [Theory]
    [InlineData("Pipeline:Deadline", "1.12:00:00")]
    [InlineData("Pipeline:PollMin", "00:00:00.25")]
    [InlineData("pipeline:pollmin", "0:00:05")]
    [InlineData("Pipeline:KeepFor", "0")]
    [InlineData("Polling:SecondsPerPoll", "0.5")]
    [InlineData("Pipeline:MaxJobsPerDay", "10")]
    [InlineData("Network:AllowLoopback", "True")]
    [InlineData("Webhooks:Schedule", "")]
    [InlineData("Webhooks:Schedule:0", "00:00:00")]
    [InlineData("Webhooks:Secret", "")]
    [InlineData("Pipeline:MaxSpendPerDay", "10.50")]
    [InlineData("Public", @"C:\Users\Public")]
    [InlineData("RUNCOMFY_API_TOKEN", "t0ken")]
    [InlineData("STORAGE_ACCOUNT", "kling")]
    [InlineData("DATA_DIRECTORY", "/data")]
    [InlineData("HTTPS_PROXY", "http://proxy.example.com:3128")]
    [InlineData("PUBLIC_URL", "https://example.com")]
    [InlineData("URL", "https://example.com")]
    [InlineData("Logging:LogLevel:Default", "Warning")]
    [InlineData("AzureWebJobsStorage:accountName", "kling")]
    public void Valid_setting_and_settings_of_others_are_accepted(string key, string value) => Assert.Empty(FaultsOf(key, value));

    [Fact]
    public void Faults_are_all_named_at_once() => Assert.Equal(
        3, FaultsOf(("Pipeline:PollMin", "5"), ("Pipeline:MaxJobPerDay", "1"), ("Storage:MaxVideoBytes", "2GB")).Count);

    [Fact]
    public void No_message_shows_a_secret()
    {
        var sentences = FaultsOf(("Webhooks:Secrets", "s3cr3t"), ("Webhook:Secret", "s3cr3t"), ("Webhooks:Secret:0", "s3cr3t"));
        Assert.Equal(3, sentences.Count);
        Assert.DoesNotContain(sentences, sentence => sentence.Contains("s3cr3t", StringComparison.Ordinal));
    }

    private static IReadOnlyList<string> FaultsOf(string key, string value) => FaultsOf((key, value));

    private static IReadOnlyList<string> FaultsOf(params (string Key, string Value)[] settings)
    {
        try
        {
            SettingsCheck.Run(Configuration(settings), PipelineServices.Sections);
            return [];
        }
        catch (OptionsValidationException e)
        {
            return [.. e.Failures];
        }
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create<string, string?>(s.Key, s.Value))).Build();
}
