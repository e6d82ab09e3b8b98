using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Subscriptions are created, listed and removed.</summary>
public abstract class SubscriptionsContract
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);

    protected abstract IDocuments Documents { get; }

    private Subscriptions Subscriptions => new(Documents, NullLogger<Subscriptions>.Instance);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Subscription_is_found_and_listed_as_created_until_it_is_removed()
    {
        var all = Enumerable.Range(0, 12).Select(n => new Subscription($"sub_{n:D2}", $"https://example.com/{n}?sig=s", n % 2 == 0 ? [] : ["video.failed"], Now.AddSeconds(n))).ToList();
        foreach (var one in all) await Subscriptions.AddAsync(one, Cancel);
        Assert.Equivalent(all, await Subscriptions.ListAsync(Cancel), strict: true);
        Assert.Equivalent(all[3], await Subscriptions.FindAsync("sub_03", Cancel), strict: true);

        Assert.True(await Subscriptions.RemoveAsync("sub_03", Cancel));
        Assert.False(await Subscriptions.RemoveAsync("sub_03", Cancel));
        Assert.Null(await Subscriptions.FindAsync("sub_03", Cancel));
        Assert.Equal(all.Where(s => s.Id != "sub_03").Select(s => s.Id), (await Subscriptions.ListAsync(Cancel)).Select(s => s.Id));
    }

    [Theory]
    [InlineData("sub_none")]
    [InlineData("../ledger/vid_1")]
    [InlineData("a b?c#d%00")]
    [InlineData("\u0000")]
    public async Task Unknown_id_of_any_form_is_not_found(string id)
    {
        Assert.Null(await Subscriptions.FindAsync(id, Cancel));
        Assert.False(await Subscriptions.RemoveAsync(id, Cancel));
    }
}
