using System.Net;
using System.Web;
using System.Xml.Linq;
using Azure.Core;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage.Tests.Storage;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobLinksTests(TestStorage storage) : IDisposable
{
    private static readonly Uri InAzure = new("https://films.blob.core.windows.net");

    private readonly HttpClient _http = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Link_only_reads_and_only_its_own_blob()
    {
        var link = await LinkAsync();
        Assert.Equal(HttpStatusCode.OK, await SendAsync(HttpMethod.Get, link));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(HttpMethod.Put, link));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(HttpMethod.Delete, link));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(HttpMethod.Get, new Uri(link.AbsoluteUri.Replace("/a.png", "/b.png", StringComparison.Ordinal))));
        Assert.Equal(HttpStatusCode.OK, await SendAsync(HttpMethod.Get, link));
    }

    [Fact]
    public async Task Link_expires()
    {
        var twoHoursAgo = new FakeTimeProvider(DateTimeOffset.UtcNow.AddHours(-2));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(HttpMethod.Get, await LinkAsync(twoHoursAgo)));
    }

    [Fact]
    public async Task Identity_signs_links_with_a_user_delegation_key_over_https_only()
    {
        var keys = new DelegationKeys();
        using var links = new BlobLinks(keys.Account(InAzure), _time);
        var link = await links.ReadLinkAsync(Blob(keys), TimeSpan.FromHours(1), Cancel);
        var query = HttpUtility.ParseQueryString(link.Query);
        Assert.Equal("https://films.blob.core.windows.net/videos/a.png", link.GetLeftPart(UriPartial.Path));
        Assert.Equal(("r", "b", "https"), (query["sp"], query["sr"], query["spr"]));
        Assert.Equal(DelegationKeys.Owner, query["skoid"]);
        Assert.Equal(_time.GetUtcNow().AddHours(1), DateTimeOffset.Parse(query["se"]!), TimeSpan.FromSeconds(1));
        Assert.NotNull(query["sig"]);
    }

    [Fact]
    public async Task Delegation_key_is_cached_and_replaced_well_before_it_expires()
    {
        var keys = new DelegationKeys();
        using var links = new BlobLinks(keys.Account(InAzure), _time);
        var blob = Blob(keys);
        for (var hours = 0; hours < 72; hours++)
        {
            await Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
            {
                var query = HttpUtility.ParseQueryString((await links.ReadLinkAsync(blob, BlobLinks.LongestLife, Cancel)).Query);
                Assert.True(DateTimeOffset.Parse(query["se"]!) <= DateTimeOffset.Parse(query["ske"]!), "The link outlives its key.");
            }));
            _time.Advance(TimeSpan.FromHours(1));
        }
        Assert.InRange(keys.Asked, 3, 5);
    }

    [Fact]
    public async Task Link_that_would_outlive_its_key_is_not_made()
    {
        using var links = new BlobLinks(storage.NewAccount().Client, _time);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => links.ReadLinkAsync(Blob(new()), TimeSpan.FromDays(1), Cancel));
    }

    private static BlobClient Blob(DelegationKeys keys) => keys.Account(InAzure).GetBlobContainerClient(Containers.Videos).GetBlobClient("a.png");

    private async Task<Uri> LinkAsync(TimeProvider? time = null)
    {
        var account = storage.NewAccount();
        foreach (var name in new[] { "a.png", "b.png" }) await account[Containers.Uploads].UploadBlobAsync(name, new BinaryData([1]), Cancel);
        using var links = new BlobLinks(account.Client, time ?? _time);
        return await links.ReadLinkAsync(account[Containers.Uploads].GetBlobClient("a.png"), TimeSpan.FromHours(1), Cancel);
    }

    private async Task<HttpStatusCode> SendAsync(HttpMethod method, Uri link)
    {
        using var request = new HttpRequestMessage(method, link);
        if (method == HttpMethod.Put)
        {
            request.Headers.Add("x-ms-blob-type", "BlockBlob");
            request.Content = new ByteArrayContent([2]);
        }
        using var answer = await _http.SendAsync(request, Cancel);
        return answer.StatusCode;
    }

    /// <summary>A service that issues delegation keys for the requested time.</summary>
    private sealed class DelegationKeys
    {
        public const string Owner = "11111111-1111-1111-1111-111111111111";

        public int Asked { get; private set; }

        public BlobServiceClient Account(Uri uri)
        {
            var network = new Network { Answer = Answer };
            return new(uri, new SignedIn(), network.Options());
        }

        private CannedResponse Answer(Request request)
        {
            Asked++;
            var body = new MemoryStream();
            request.Content!.WriteTo(body, Cancel);
            var wanted = XElement.Load(new MemoryStream(body.ToArray()));
            return new(
                200,
                $"""
                <?xml version="1.0" encoding="utf-8"?>
                <UserDelegationKey>
                  <SignedOid>{Owner}</SignedOid><SignedTid>22222222-2222-2222-2222-222222222222</SignedTid>
                  <SignedStart>{wanted.Element("Start")!.Value}</SignedStart><SignedExpiry>{wanted.Element("Expiry")!.Value}</SignedExpiry>
                  <SignedService>b</SignedService><SignedVersion>2025-11-05</SignedVersion><Value>{Convert.ToBase64String(new byte[32])}</Value>
                </UserDelegationKey>
                """,
                ("Content-Type", "application/xml"));
        }
    }

    private sealed class SignedIn : TokenCredential
    {
        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) => new("token", DateTimeOffset.MaxValue);

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            ValueTask.FromResult(GetToken(requestContext, cancellationToken));
    }
}
