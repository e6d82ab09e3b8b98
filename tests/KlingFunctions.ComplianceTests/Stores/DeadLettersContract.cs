using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Dead letters are stored newest first, one for each notification.</summary>
public abstract class DeadLettersContract
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);

    protected abstract IDocuments Documents { get; }

    private DeadLetters Letters => new(Documents, NullLogger<DeadLetters>.Instance);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Dead_letters_are_listed_newest_first()
    {
        foreach (var (id, age) in new[] { ("ntf_b", 2), ("ntf_a", 1), ("ntf_c", 3) }) await Letters.AddAsync(Letter(id, Now.AddHours(-age)), Cancel);
        Assert.Equal([Letter("ntf_a", Now.AddHours(-1)), Letter("ntf_b", Now.AddHours(-2)), Letter("ntf_c", Now.AddHours(-3))], await Letters.ListAsync(Cancel));
    }

    [Fact]
    public async Task Dead_letter_replaces_an_older_one_of_its_notification()
    {
        await Letters.AddAsync(Letter("ntf_a", Now, "first"), Cancel);
        await Letters.AddAsync(Letter("ntf_a", Now.AddHours(1), "second"), Cancel);
        Assert.Equal("second", Assert.Single(await Letters.ListAsync(Cancel)).Reason);
    }

    [Fact]
    public async Task Delivered_dead_letter_is_removed_and_a_repeat_is_harmless()
    {
        await Letters.AddAsync(Letter("ntf_a", Now), Cancel);
        await Letters.RemoveAsync("ntf_a", Cancel);
        await Letters.RemoveAsync("ntf_a", Cancel);
        Assert.Empty(await Letters.ListAsync(Cancel));
    }

    private static DeadLetter Letter(string id, DateTimeOffset at, string reason = "HTTP 500") => new(id, "vid_1", "example.com", reason, """{"type":"video.succeeded"}""", at);
}
