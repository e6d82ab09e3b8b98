using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.Extensions.Configuration;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public class DeliveryScheduleTests
{
    private static readonly DeliverySchedule Schedule = new([]);

    [Fact]
    public void Standard_schedule_makes_ten_attempts_over_three_days()
    {
        var delays = Enumerable.Range(0, 11).Select(made => Schedule.DelayAfter(made)?.ToString("c")).ToList();
        Assert.Equal(
            ["00:00:00", "00:00:05", "00:05:00", "00:30:00", "02:00:00", "05:00:00", "10:00:00", "14:00:00", "20:00:00", "1.00:00:00", null],
            delays);
    }

    [Fact]
    public void Receiver_can_delay_a_try_up_to_a_day_and_never_hasten_or_add_one() =>
        Prop.ForAll(Gen.Choose(0, 14).Zip(Gen.Choose(0, 400_000)).ToArbitrary(), given =>
        {
            var (made, asked) = (given.Item1, TimeSpan.FromSeconds(given.Item2));
            var planned = Schedule.DelayAfter(made);
            var delay = Schedule.DelayAfter(made, asked);
            return planned is null
                ? delay is null
                : delay >= planned && delay <= TimeSpan.FromHours(24) && (delay >= asked || delay == TimeSpan.FromHours(24));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Negative_number_of_attempts_is_an_error() => Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.DelayAfter(-1));

    [Fact]
    public void Configured_schedule_replaces_the_standard_one()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Webhooks:Schedule:0"] = "00:00:00",
            ["Webhooks:Schedule:1"] = "00:00:10",
        }).Build();
        var options = configuration.GetSection(WebhookOptions.Section).Get<WebhookOptions>()!;
        var schedule = new DeliverySchedule(options.Schedule);
        Assert.Equal([TimeSpan.Zero, TimeSpan.FromSeconds(10), null], Enumerable.Range(0, 3).Select(made => schedule.DelayAfter(made)));
        Assert.Null(Faults(options));
    }

    [Fact]
    public void Defaults_are_valid() => Assert.Null(Faults(new WebhookOptions()));

    [Theory]
    [InlineData("hunter2-hunter2-hunter2", null, "Webhooks:Secret ")]
    [InlineData("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "hunter2", "Webhooks:PreviousSecret ")]
    [InlineData(null, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "Webhooks:PreviousSecret ")]
    public void Wrong_secret_is_one_sentence_that_names_its_key_and_not_the_secret(string? secret, string? previous, string key)
    {
        var fault = Assert.Single(Faults(new WebhookOptions { Secret = secret, PreviousSecret = previous })!);
        Assert.StartsWith(key, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", fault, StringComparison.Ordinal);
        Assert.DoesNotContain("MfKQ9r8", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Nonsensical_delay_is_named_by_its_place()
    {
        var fault = Assert.Single(Faults(new WebhookOptions { Schedule = [TimeSpan.Zero, TimeSpan.FromSeconds(-1)] })!);
        Assert.StartsWith("Webhooks:Schedule:1 ", fault, StringComparison.Ordinal);
    }

    private static IEnumerable<string>? Faults(WebhookOptions options) => new WebhookOptionsValidator().Validate(null, options).Failures;
}
