using System.Globalization;
using System.Text.Json;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>Prices from RunComfy's catalogue, refreshed every hour, or from the setting <c>RunComfy:PricePerSecond</c>.</summary>
/// <param name="ask">Reads the catalogue; null if it can't be read.</param>
/// <param name="model">Reads the duration from a request.</param>
/// <param name="options">May set the price.</param>
/// <param name="time">The clock of the hour.</param>
public sealed class PriceList(Func<CancellationToken, Task<CatalogueEntry?>> ask, ModelContract model, IOptions<RunComfyOptions> options, TimeProvider time)
{
    private static readonly TimeSpan KeptFor = TimeSpan.FromHours(1);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMinutes(1);

    // Callers wait for the price, and can do without.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private (CatalogueEntry? Entry, DateTimeOffset Until)? _kept;

    /// <summary>The price of one video with this input.</summary>
    public async Task<Price> OfAsync(JsonElement input, CancellationToken cancellationToken)
    {
        var isSimulated = Uri.TryCreate(options.Value.BaseUrl, UriKind.Absolute, out var url) && url.IsLoopback;
        if (options.Value.PricePerSecond is { } perSecond)
            return InSeconds(input, perSecond, isSimulated ? Price.Simulated : "setting");
        if (await EntryAsync(cancellationToken) is not { PriceUsd: { } amount } entry) return Price.Unknown;
        var source = isSimulated ? Price.Simulated : "catalogue";
        return entry.UsdPerSecond is { } second ? InSeconds(input, second, source) : new(amount, Price.Dollars, entry.Per ?? "unit", source);
    }

    private Price InSeconds(JsonElement input, decimal perSecond, string source) => model.DurationOf(input) is { } seconds
        ? new(perSecond * int.Parse(seconds, CultureInfo.InvariantCulture), Price.Dollars, Price.PerVideo, source)
        : new(perSecond, Price.Dollars, Price.PerSecond, source);

    private async Task<CatalogueEntry?> EntryAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_kept is { } kept && now < kept.Until) return kept.Entry;
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        CatalogueEntry? entry = null;
        try
        {
            entry = await ask(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The next try is in a minute.
        }
        // A stale price is better than none.
        entry ??= _kept?.Entry;
        _kept = (entry, now + (entry is null ? AskAgainAfter : KeptFor));
        return entry;
    }
}
