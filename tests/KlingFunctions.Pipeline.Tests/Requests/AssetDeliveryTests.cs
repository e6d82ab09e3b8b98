using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Requests;

public sealed class AssetDeliveryTests
{
    private static readonly string First = new('1', 64);
    private static readonly string Second = new('2', 64);

    private readonly InMemoryAssets _assets = new(TimeProvider.System);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Image_without_a_link_is_sent_inline()
    {
        var image = await PutAsync(First, Picture.File("picture.png"));
        var (input, faults) = await ResolveAsync("auto", First);
        Assert.Empty(faults);
        Assert.Equal($"data:image/png;base64,{Convert.ToBase64String(image)}", input.GetProperty("image_urls")[0].GetString());
    }

    [Fact]
    public async Task Setting_link_never_sends_an_image_inline()
    {
        await PutAsync(First, Picture.File("picture.png"));
        var (_, faults) = await ResolveAsync("link", First);
        Assert.Equal(FaultCode.ImageUnreachable, Assert.Single(faults).Code);
    }

    [Fact]
    public async Task Missing_image_is_unreachable()
    {
        var (_, faults) = await ResolveAsync("inline", First);
        Assert.Equal(("/image_urls/0", FaultCode.ImageUnreachable), (Assert.Single(faults).Pointer, faults[0].Code));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Inline_image_may_have_6_MiB(int more, bool isTaken)
    {
        await PutAsync(First, Picture.PngOfLength(AssetDelivery.MaxInlineBytes + more));
        var (_, faults) = await ResolveAsync("inline", First);
        Assert.Equal(isTaken ? [] : [FaultCode.ImageTooLarge], faults.Select(f => f.Code));
    }

    [Theory]
    [InlineData(8_000, 4_000, true)]
    [InlineData(8_000, 4_001, false)]
    public async Task Inline_image_may_have_32_million_pixels(int width, int height, bool isTaken)
    {
        await PutAsync(First, Picture.Png(width, height));
        var (_, faults) = await ResolveAsync("inline", First);
        Assert.Equal(isTaken ? [] : [FaultCode.ImageTooLarge], faults.Select(f => f.Code));
    }

    [Fact]
    public async Task Inline_images_may_have_64_MiB_in_all()
    {
        await PutAsync(First, Picture.PngOfLength(AssetDelivery.MaxInlineBytes));
        await PutAsync(Second, Picture.PngOfLength(4 * 1024 * 1024 - 128));
        string[] tenTimes = [.. Enumerable.Repeat(First, 10)];
        Assert.Empty((await ResolveAsync("inline", [.. tenTimes, Second])).Faults);
        var (_, faults) = await ResolveAsync("inline", [.. tenTimes, Second, Second]);
        Assert.Equal(("/image_urls/11", FaultCode.ImageTooLarge), (Assert.Single(faults).Pointer, faults[0].Code));
    }

    private async Task<byte[]> PutAsync(string sha256, byte[] image)
    {
        await _assets.AddAsync(sha256, "image/png", image, Cancel);
        return image;
    }

    private Task<(JsonElement Input, IReadOnlyList<Fault> Faults)> ResolveAsync(string delivery, params string[] sha256)
    {
        var input = new JsonObject { ["prompt"] = "a fox", ["image_urls"] = new JsonArray([.. sha256.Select(s => (JsonNode)AssetUri.For(s))]) };
        return new AssetDelivery(KlingO1.Contract, _assets, Options.Create(new AssetOptions { Delivery = delivery })).ResolveAsync(JsonElement.Parse(input.ToJsonString()), Cancel);
    }
}
