using KlingFunctions.AzureStorage.Tests.Storage;

namespace KlingFunctions.AzureStorage.Tests;

[CollectionDefinition(nameof(BlockStreamMemoryTests), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Counts the allocations of the whole process, so no other test runs at the same time.</summary>
[Collection(nameof(BlockStreamMemoryTests))]
public sealed class BlockStreamMemoryTests(TestStorage storage)
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public async Task File_of_256_MiB_needs_two_blocks_of_memory_and_one_request_at_a_time()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
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
        await using var sink = await new BlobVideoStore(account, links).CreateAsync("job_1", "video", cancellationToken);
        var piece = new byte[MiB];

        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var n = 0; n < 256; n++) await sink.Stream.WriteAsync(piece, cancellationToken);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        Assert.Equal(32, network.Sent.Count);
        Assert.Equal(1, most);
        Assert.InRange(allocated, 0, 24 * MiB);
    }
}
