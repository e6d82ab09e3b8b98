using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Options;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>A price list without prices, except those that a test gives.</summary>
public static class NoPrices
{
    public static PriceList List { get; } = Of(perSecond: null);

    public static PriceList Of(decimal? perSecond) => new(
        _ => Task.FromResult<CatalogueEntry?>(null), KlingO1.Contract, Options.Create(new RunComfyOptions { PricePerSecond = perSecond }), TimeProvider.System);
}
