using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace KlingFunctions.Simulator.Tests;

public class SettingsTests
{
    private static readonly Dictionary<string, string?> EveryKnob = new()
    {
        ["QueueTime"] = "00:00:01",
        ["RunTime"] = "00:00:09",
        ["Slots"] = "7",
        ["NeverFinishes"] = "true",
        ["Tokens:0"] = "one",
        ["BalanceUsd"] = "12.5",
        ["ChargesCancelled"] = "true",
        ["ChargesFailed"] = "false",
        ["ErrorShape"] = "Html",
        ["ErrorsAsOk"] = "true",
        ["BadTokenStatusCode"] = "401",
        ["NoBalanceStatusCode"] = "402",
        ["RetryAfter"] = "00:00:03",
        ["RetryAfterIsDate"] = "true",
        ["ClockSkew"] = "-01:00:00",
        ["BadInput"] = "FailsLater",
        ["SubmitStatusCode"] = "202",
        ["RequestIdField"] = "id",
        ["Words:Completed"] = "done",
        ["OmitsQueuePosition"] = "true",
        ["FailureOnStatus"] = "true",
        ["NotReadyIsError"] = "true",
        ["Outputs"] = "Videos, Image",
        ["OutputCount"] = "3",
        ["FailsWith"] = "no",
        ["FailureShape"] = "List",
        ["CancelStatusCode"] = "200",
        ["RefusesCancel"] = "true",
        ["OddCancelStatus"] = "true",
        ["RequestLifetime"] = "7.00:00:00",
        ["FileLifetime"] = "01:00:00",
        ["ExpiredFileStatusCode"] = "404",
        ["FilesBase"] = "http://files.runcomfy.net",
        ["RedirectsFilesTo"] = "/moved",
        ["IgnoresRange"] = "true",
        ["FileContentType"] = "text/html",
        ["FileLength"] = "Half",
        ["FileContent"] = "Empty",
        ["PadsFilesTo"] = "5000000000",
        ["TruncatesAfter"] = "1",
        ["SlowBytes"] = "1",
        ["SlowPause"] = "00:00:10",
        ["Faults:0:Call"] = "Submit",
        ["Faults:0:Kind"] = "Dropped",
        ["Faults:0:Late"] = "true",
        ["Weather:Seed"] = "7",
    };

    public static TheoryData<string> KnobNames =>
        [.. typeof(Behaviour).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(knob => knob.Name)];

    [Theory]
    [MemberData(nameof(KnobNames))]
    public void Every_knob_can_be_set_from_configuration(string knob)
    {
        var behaviour = Knobs.Read(Settings(EveryKnob));
        var property = typeof(Behaviour).GetProperty(knob)!;
        Assert.NotEqual(JsonSerializer.Serialize(property.GetValue(new Behaviour())), JsonSerializer.Serialize(property.GetValue(behaviour)));
    }

    [Fact]
    public async Task Document_has_every_knob_with_its_values_and_every_fault()
    {
        var document = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "simulator.md"), TestContext.Current.CancellationToken);
        foreach (var knob in typeof(Behaviour).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var row = Assert.Single(document.Split('\n'), line => line.StartsWith($"| `{JsonNamingPolicy.SnakeCaseLower.ConvertName(knob.Name)}` |", StringComparison.Ordinal));
            if (knob.PropertyType.IsEnum) Assert.All(Enum.GetNames(knob.PropertyType), name => Assert.Contains($"`{name}`", row, StringComparison.Ordinal));
        }
        Assert.All(Enum.GetNames<FaultKind>(), kind => Assert.Contains($"| `{kind}` |", document, StringComparison.Ordinal));
        Assert.All(Enum.GetNames<ApiCall>(), call => Assert.Contains($"`{call}`", document, StringComparison.Ordinal));
    }

    [Fact]
    public void Fault_from_configuration_strikes_once_by_default()
    {
        Assert.Equal([new Fault(ApiCall.Submit, FaultKind.Dropped, Times: 1, Late: true)], Knobs.Read(Settings(EveryKnob)).Faults);
    }

    [Theory]
    [InlineData("RunTim", "00:00:01", "There is no knob 'Simulator:RunTim': did you mean 'Simulator:RunTime'?")]
    [InlineData("Weather:Sed", "7", "There is no knob 'Simulator:Weather:Sed': did you mean 'Simulator:Weather:Seed'?")]
    [InlineData("Faults:0:Kind", "Hangs", "'Hangs' is no value of Simulator:Faults:0:Kind: did you mean 'Hang'?")]
    [InlineData("RunTime", "6s", "'6s' is no value of Simulator:RunTime: give a time as hh:mm:ss.")]
    [InlineData("BalanceUsd", "lots", "'lots' is no value of Simulator:BalanceUsd: give a number.")]
    public void Wrong_setting_is_answered_with_the_nearest_one(string knob, string value, string sentence)
    {
        var problem = Assert.Throws<FormatException>(() => Knobs.Read(Settings(new Dictionary<string, string?> { [knob] = value })));
        Assert.StartsWith(sentence, problem.Message, StringComparison.Ordinal);
    }

    private static IConfiguration Settings(Dictionary<string, string?> knobs) =>
        new ConfigurationBuilder().AddInMemoryCollection(knobs.Select(knob => KeyValuePair.Create($"{Knobs.Section}:{knob.Key}", knob.Value))).Build();
}
