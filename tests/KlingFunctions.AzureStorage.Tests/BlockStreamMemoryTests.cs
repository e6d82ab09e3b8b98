using KlingFunctions.AzureStorage.Tests.Storage;

namespace KlingFunctions.AzureStorage.Tests;

[CollectionDefinition(nameof(BlockStreamMemoryTests), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Counts what the process allocates, and so runs when nothing else does.</summary>
[Collection(nameof(BlockStreamMemoryTests))]
public sealed class BlockStreamMemoryTests(TestStorage storage)
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public async Task A_file_of_256_mebibytes_takes_two_blocks_of_memory_and_one_is_under_way_at_a_time()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (underWay, most) = (0, 0);
        var network = new Network { Answer = _ => new CannedResponse(201) };
        network.Before = async _ =>
        {
            most = Math.Max(most, Interlocked.Increment(ref underWay));
            await Task.Yield();
            Interlocked.Decrement(ref underWay);
        };
        var account = storage.NewAccount().Over(network);
        using var links = new BlobLinks(account, TimeProvider.System);
        await using var sink = await new BlobVideoStore(account, links).CreateAsync("job_1", "video", cancel);
        var piece = new byte[MiB];

        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var n = 0; n < 256; n++) await sink.Stream.WriteAsync(piece, cancel);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        Assert.Equal(32, network.Sent.Count);
        Assert.Equal(1, most);
        Assert.InRange(allocated, 0, 24 * MiB);
    }
}
