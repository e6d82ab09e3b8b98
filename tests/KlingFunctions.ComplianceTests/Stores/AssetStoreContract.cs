using System.Text;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.ComplianceTests.Stores;

/// <summary>The contract for stores of images from <c>POST /api/assets</c>.</summary>
public abstract class AssetStoreContract
{
    private static readonly ReadOnlyMemory<byte> Content = Encoding.UTF8.GetBytes("an image");
    private static readonly string Sha256 = new('a', 64);

    protected abstract IAssetStore Store { get; }

    protected abstract IAssetLinks Links { get; }

    /// <summary>A time after all earlier calls.</summary>
    protected abstract DateTimeOffset Later { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Image_is_stored_once_by_its_content()
    {
        Assert.True(await Store.AddAsync(Sha256, "image/png", Content, Cancel));
        Assert.False(await Store.AddAsync(Sha256, "image/png", Content, Cancel));
        await using var there = await Links.OpenAsync(Sha256, Cancel);
        using var bytes = new MemoryStream();
        await there!.CopyToAsync(bytes, Cancel);
        Assert.Equal(Content.ToArray(), bytes.ToArray());
    }

    [Fact]
    public async Task Unused_image_is_deleted_and_a_used_one_stays()
    {
        await Store.AddAsync(Sha256, "image/png", Content, Cancel);
        Assert.Equal(0, await Store.ForgetUnusedAsync(Later.AddDays(-1), Cancel));
        await Store.TouchAsync(Sha256, Cancel);
        Assert.Equal(1, await Store.ForgetUnusedAsync(Later, Cancel));
        await Store.TouchAsync(Sha256, Cancel);
        Assert.Null(await Links.OpenAsync(Sha256, Cancel));
    }
}
