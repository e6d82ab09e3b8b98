using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>Small documents by name, written only by callers that know the current version.</summary>
public abstract class DocumentsContract
{
    private const string Name = "quota/days/2026-01-01";

    protected abstract IDocuments Documents { get; }

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Document_is_written_if_absent_and_then_only_by_its_version()
    {
        Assert.Null(await Documents.ReadAsync(Name, Cancel));
        Assert.Null(await Documents.TryWriteAsync(Name, "zero", "no-version", Cancel));
        var first = await Documents.TryWriteAsync(Name, "one", null, Cancel);
        Assert.Equal(new Document("one", first!), await Documents.ReadAsync(Name, Cancel));
        Assert.Null(await Documents.TryWriteAsync(Name, "other", null, Cancel));

        var second = await Documents.TryWriteAsync(Name, "two", first, Cancel);
        Assert.Null(await Documents.TryWriteAsync(Name, "late", first, Cancel));
        Assert.Equal(new Document("two", second!), await Documents.ReadAsync(Name, Cancel));
    }

    [Fact]
    public async Task One_of_many_simultaneous_writers_wins()
    {
        Assert.Equal(1, await Callers.CountAsync(20, async n => await Documents.TryWriteAsync(Name, $"{n}", null, Cancel) is not null));
        var version = (await Documents.ReadAsync(Name, Cancel))!.Version;
        Assert.Equal(1, await Callers.CountAsync(20, async n => await Documents.TryWriteAsync(Name, $"{n}", version, Cancel) is not null));
    }

    [Fact]
    public async Task Version_is_not_reused_after_a_deletion()
    {
        var first = await Documents.TryWriteAsync(Name, "same", null, Cancel);
        Assert.True(await Documents.DeleteAsync(Name, null, Cancel));
        var second = await Documents.TryWriteAsync(Name, "same", null, Cancel);
        Assert.NotEqual(first, second);
        Assert.Null(await Documents.TryWriteAsync(Name, "late", first, Cancel));
        Assert.False(await Documents.DeleteAsync(Name, first, Cancel));
        Assert.True(await Documents.DeleteAsync(Name, second, Cancel));
        Assert.False(await Documents.DeleteAsync(Name, second, Cancel));
        Assert.False(await Documents.DeleteAsync(Name, null, Cancel));
        Assert.Null(await Documents.ReadAsync(Name, Cancel));
    }

    [Fact]
    public async Task Names_are_listed_in_order_below_a_prefix()
    {
        foreach (var name in new[] { "ledger/vid_1.claim.2", "ledger/vid_1.claim.1", "ledger/vid_2", "subscriptions/sub_1.json", "quota/in-flight" })
            await Documents.TryWriteAsync(name, "{}", null, Cancel);
        Assert.Equal(["ledger/vid_1.claim.1", "ledger/vid_1.claim.2"], await Documents.ListAsync("ledger/vid_1", Cancel).ToListAsync(Cancel));
        Assert.Equal(["subscriptions/sub_1.json"], await Documents.ListAsync("subscriptions/", Cancel).ToListAsync(Cancel));
        Assert.Empty(await Documents.ListAsync("dead-letters/", Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task Text_is_read_as_it_was_written()
    {
        foreach (var (n, text) in new[] { "", "\"ü \ud83e\udd8a \\u0000\"", new string('x', 100_000) }.Index())
        {
            await Documents.TryWriteAsync($"ledger/{n}", text, null, Cancel);
            Assert.Equal(text, (await Documents.ReadAsync($"ledger/{n}", Cancel))!.Text);
        }
    }
}
