using System.Net;
using System.Security.Cryptography;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Http;

public sealed class SignedLinkTests
{
    private static readonly string Key = NewKey();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Link_opens_until_its_time_and_each_answer_has_a_later_one()
    {
        await using var app = await StartAsync();
        var first = await LocationAsync(app);
        app.Time.Advance(LinkPurpose.Operation.Lifetime);
        using var last = await app.Http.GetAsync(first, Ct);
        Assert.Equal(HttpStatusCode.Accepted, last.StatusCode);
        app.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(app, first));
        Assert.Equal(HttpStatusCode.Accepted, await StatusOfAsync(app, last.Headers.Location!));
    }

    [Fact]
    public async Task Link_of_another_deployment_opens_nothing()
    {
        await using var app = await StartAsync(("Links:SigningKey", Key));
        await using var other = await StartAsync(("Links:SigningKey", NewKey()));
        await using var unset = await StartAsync();
        var link = await LocationAsync(app);
        Assert.Equal(HttpStatusCode.Accepted, await StatusOfAsync(app, link));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(other, link));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(unset, link));
    }

    [Fact]
    public async Task Links_of_the_previous_key_open_and_new_ones_have_the_new_key()
    {
        var next = NewKey();
        await using var before = await StartAsync(("Links:SigningKey", Key));
        await using var rotating = await StartAsync(("Links:SigningKey", next), ("Links:PreviousSigningKey", Key));
        await using var after = await StartAsync(("Links:SigningKey", next));
        var old = await LocationAsync(before);
        Assert.Equal(HttpStatusCode.Accepted, await StatusOfAsync(rotating, old));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(after, old));
        Assert.Equal(HttpStatusCode.Accepted, await StatusOfAsync(after, await LocationAsync(rotating)));
    }

    [Fact]
    public async Task Hosts_started_together_without_a_setting_share_one_key()
    {
        var documents = new InMemoryDocuments();
        var signers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ => await KeysOver(documents).SignerAsync(Ct)));
        var request = new Microsoft.AspNetCore.Http.DefaultHttpContext().Request;
        Assert.Single(signers.Select(s => s.LinkTo(LinkPurpose.Operation, "vid_1", request)).Distinct());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("null")]
    [InlineData("\"c2hvcnQ=\"")]
    public async Task Stored_key_that_can_not_be_read_is_replaced(string text)
    {
        var documents = new InMemoryDocuments();
        await documents.TryWriteAsync(LinkKeys.Document, text, null, Ct);
        await KeysOver(documents).SignerAsync(Ct);
        Assert.NotEqual(text, (await documents.ReadAsync(LinkKeys.Document, Ct))!.Text);
    }

    [Theory]
    [InlineData("nonsense", null, "Links:SigningKey is not")]
    [InlineData("c2hvcnQ=", null, "Links:SigningKey is not")]
    [InlineData(null, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Links:PreviousSigningKey is set without")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "nonsense", "Links:PreviousSigningKey is not")]
    public void Invalid_key_setting_is_named_and_not_shown(string? key, string? previous, string sentence)
    {
        var result = new LinkOptionsValidator().Validate(null, new() { SigningKey = key, PreviousSigningKey = previous });
        var failure = Assert.Single(result.Failures!);
        Assert.StartsWith(sentence, failure, StringComparison.Ordinal);
        Assert.DoesNotContain("nonsense", failure, StringComparison.Ordinal);
    }

    private static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private static LinkKeys KeysOver(InMemoryDocuments documents) =>
        new(documents, Options.Create(new LinkOptions()), new Microsoft.Extensions.Time.Testing.FakeTimeProvider(SampleJobs.CreatedAt));

    private static async Task<TestApp> StartAsync(params (string Key, string? Value)[] settings)
    {
        var app = await TestApp.StartAsync(null, settings);
        app.Jobs.Put(SampleJobs.Ended(SampleJobs.New(), JobStatus.InQueue) with { IsRunning = true });
        return app;
    }

    private static async Task<Uri> LocationAsync(TestApp app)
    {
        using var running = await app.Http.GetAsync(new Uri("/api/videos/vid_1/operation", UriKind.Relative), Ct);
        return running.Headers.Location!;
    }

    private static async Task<HttpStatusCode> StatusOfAsync(TestApp app, Uri link)
    {
        using var answer = await app.Http.GetAsync(link, Ct);
        return answer.StatusCode;
    }
}
