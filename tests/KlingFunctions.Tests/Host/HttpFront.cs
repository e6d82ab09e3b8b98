using System.Net;
using KlingFunctions.Tests.Host.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// The host's own HTTP endpoint: routes by the app's triggers, asks for the key, and hands the request over to the worker by the proxy that
/// the real host uses too. Its address outlives the workers.
/// </summary>
internal sealed class HttpFront : IAsyncDisposable
{
    public const string Key = "a-function-key";

    private readonly WebApplication _server;
    private readonly Func<WorkerProcess> _worker;
    private readonly HttpMessageInvoker _toWorker = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
    });

    private HttpFront(WebApplication server, Func<WorkerProcess> worker) => (_server, _worker) = (server, worker);

    public Uri Address => new(_server.Urls.First());

    /// <param name="functions">The app's functions: they are the same in all its lives.</param>
    /// <param name="worker">The life that runs now.</param>
    public static async Task<HttpFront> StartAsync(IEnumerable<AppFunction> functions, Func<WorkerProcess> worker)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.Limits.MaxRequestBodySize = 100 << 20);
        builder.Services.AddRouting(o => o.SetParameterPolicy<Microsoft.AspNetCore.Routing.Constraints.RegexInlineRouteConstraint>("regex"));
        builder.Services.AddHttpForwarder();
        var front = new HttpFront(builder.Build(), worker);
        foreach (var function in functions.Where(f => f.IsTriggeredBy("httpTrigger")))
        {
            front._server.MapMethods($"/api/{function.Trigger.Route ?? function.Name}", function.Trigger.Methods ?? [], http => front.ServeAsync(http, function));
        }
        front._server.MapFallback(http => Refuse(http, HttpStatusCode.NotFound));
        await front._server.StartAsync();
        return front;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(new CancellationToken(canceled: true));
        await _server.DisposeAsync();
        _toWorker.Dispose();
    }

    private async Task ServeAsync(HttpContext http, AppFunction function)
    {
        if (!string.Equals(function.Trigger.AuthLevel, "anonymous", StringComparison.OrdinalIgnoreCase)
            && http.Request.Headers["x-functions-key"] != Key && http.Request.Query["code"] != Key)
        {
            await Refuse(http, HttpStatusCode.Unauthorized);
            return;
        }
        var (id, worker) = (Guid.NewGuid().ToString(), _worker());
        var invocation = worker.InvokeAsync(function, Fill, id);
        var forwarder = http.RequestServices.GetRequiredService<IHttpForwarder>();
        await forwarder.SendAsync(http, worker.HttpAddress, _toWorker, ForwarderRequestConfig.Empty, new ToWorker(id));
        // The worker answers over HTTP; that the invocation failed is told by its answer over the line.
        if (!await SucceedsAsync(invocation) && !http.Response.HasStarted) await Refuse(http, HttpStatusCode.InternalServerError);

        void Fill(InvocationRequest request)
        {
            foreach (var (name, value) in http.Request.RouteValues) request.TriggerMetadata.Add(name, new() { String = value?.ToString() });
        }
    }

    private static async Task<bool> SucceedsAsync(Task<InvocationResponse> invocation)
    {
        try
        {
            return (await invocation).Result.Status is StatusResult.Types.Status.Success;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static Task Refuse(HttpContext http, HttpStatusCode status)
    {
        http.Response.StatusCode = (int)status;
        return http.Response.CompleteAsync();
    }

    /// <summary>Names the invocation that a request belongs to, and where the caller sent it: whatever it said about that itself is dropped.</summary>
    private sealed class ToWorker(string invocationId) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage request, string destination, CancellationToken cancel)
        {
            await base.TransformRequestAsync(context, request, destination, cancel);
            request.Headers.Add("x-ms-invocation-id", invocationId);
            request.Headers.Host = null;
            foreach (var (header, value) in new[] { ("Host", context.Request.Host.Value), ("Proto", context.Request.Scheme), ("For", "127.0.0.1") })
            {
                request.Headers.Remove($"X-Forwarded-{header}");
                request.Headers.Add($"X-Forwarded-{header}", value);
            }
        }
    }
}
