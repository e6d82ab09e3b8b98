using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests.Azurite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Forwarder;

namespace KlingFunctions.Benchmarks.History;

/// <summary>
/// A proxy between an app and Azurite that records each request. It reads the answers of queues, because only they show whether a fetch
/// brought a message.
/// </summary>
internal sealed partial class StorageTraffic : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly IHttpForwarder _forwarder;
    private readonly ConcurrentQueue<StorageRequest> _requests = [];
    private readonly Dictionary<int, (StorageService Service, string Address)> _byPort = [];
    private readonly HttpMessageInvoker _toAzurite = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
    });

    private StorageTraffic(WebApplication app) => (_app, _forwarder) = (app, app.Services.GetRequiredService<IHttpForwarder>());

    /// <summary>A connection string of an unused account, whose requests are recorded.</summary>
    public string Account { get; private set; } = "";

    /// <summary>The requests so far, in the order of their answers.</summary>
    public IReadOnlyCollection<StorageRequest> Requests => _requests;

    public static async Task<StorageTraffic> StartAsync(AzuriteProcess azurite)
    {
        const string anyPort = "http://127.0.0.1:0";
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(anyPort, anyPort, anyPort).ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        builder.Services.AddLogging().AddHttpForwarder();
        var traffic = new StorageTraffic(builder.Build());
        traffic._app.Run(traffic.PassOnAsync);
        await traffic._app.StartAsync();
        var urls = traffic._app.Urls.ToList();
        string[] addresses = [azurite.Url, azurite.QueueUrl, azurite.TableUrl];
        foreach (var service in Enum.GetValues<StorageService>())
            traffic._byPort[new Uri(urls[(int)service]).Port] = (service, addresses[(int)service]);
        traffic.Account = azurite.NextAccount(urls[(int)StorageService.Blob], urls[(int)StorageService.Queue], urls[(int)StorageService.Table]);
        return traffic;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _toAzurite.Dispose();
    }

    private async Task PassOnAsync(HttpContext http)
    {
        var (service, address) = _byPort[http.Connection.LocalPort];
        var body = http.Response.Body;
        using var answer = new MemoryStream();
        var mayBringMessages = service is StorageService.Queue && http.Request.Method == HttpMethods.Get;
        if (mayBringMessages) http.Response.Body = answer;
        await _forwarder.SendAsync(http, address, _toAzurite, ForwarderRequestConfig.Empty, SameTarget.Instance);
        var ids = MessageId().Matches(Encoding.UTF8.GetString(answer.ToArray())).Select(match => match.Groups[1].Value).ToList();
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        _requests.Enqueue(new(service, http.Request.Method, target[target.IndexOf('/', 1)..], ids));
        if (!mayBringMessages) return;
        http.Response.Body = body;
        await body.WriteAsync(answer.ToArray(), http.RequestAborted);
    }

    [GeneratedRegex("<MessageId>([^<]+)</MessageId>")]
    private static partial Regex MessageId();

    /// <summary>Keeps path and query byte for byte: they are part of the request's signature.</summary>
    private sealed class SameTarget : HttpTransformer
    {
        public static readonly SameTarget Instance = new();

        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.RequestUri = new(destinationPrefix + httpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        }
    }
}
