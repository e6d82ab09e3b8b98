using System.Text.Json;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

public sealed class PriceListTests
{
    private static readonly JsonElement TenSeconds = JsonElement.Parse("""{"prompt":"a fox","duration":"10"}""");

    private readonly FakeTimeProvider _time = new();
    private CatalogueEntry? _entry = new(0.112m, "second");
    private int _asked;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("second", 1.12, "video")]
    [InlineData("per second", 1.12, "video")]
    [InlineData("video", 0.112, "video")]
    [InlineData("per_generation", 0.112, "video")]
    [InlineData("credit", 0.112, "credit")]
    [InlineData(null, 0.112, "unit")]
    public async Task Catalogue_price_becomes_that_of_a_video_if_its_unit_is_known(string? unit, double amount, string per)
    {
        _entry = new(0.112m, unit);
        Assert.Equal(new Price((decimal)amount, "USD", per, "catalogue"), await New().OfAsync(TenSeconds, Cancel));
    }

    [Fact]
    public async Task Setting_overrides_the_catalogue() =>
        Assert.Equal(new Price(2m, "USD", "video", "setting"), await New(new() { PricePerSecond = 0.2m }).OfAsync(TenSeconds, Cancel));

    [Fact]
    public async Task Simulator_costs_nothing() =>
        Assert.Equal("simulator", (await New(new() { BaseUrl = "http://127.0.0.1:5080" }).OfAsync(TenSeconds, Cancel)).Source);

    [Fact]
    public async Task Unknown_price_is_not_0_and_is_fetched_again_after_a_minute()
    {
        var (prices, entry) = (New(), _entry);
        _entry = null;
        Assert.Equal(Price.Unknown, await prices.OfAsync(TenSeconds, Cancel));
        Assert.Null(Price.Unknown.Amount);
        _entry = entry;
        Assert.Equal(Price.Unknown, await prices.OfAsync(TenSeconds, Cancel));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1.12m, (await prices.OfAsync(TenSeconds, Cancel)).Amount);
    }

    [Fact]
    public async Task Price_is_cached_for_an_hour_and_longer_during_an_outage()
    {
        var prices = New();
        for (var i = 0; i < 3; i++) await prices.OfAsync(TenSeconds, Cancel);
        Assert.Equal(1, _asked);
        _entry = null;
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1.12m, (await prices.OfAsync(TenSeconds, Cancel)).Amount);
        Assert.Equal(2, _asked);
    }

    private PriceList New(RunComfyOptions? options = null) => new(
        _ =>
        {
            _asked++;
            return Task.FromResult(_entry);
        },
        KlingO1.Contract, Options.Create(options ?? new()), _time);
}
