using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.Azure.WebJobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace KlingFunctions.TestHost;

/// <summary>
/// The host's public HTTP endpoint: routes by the app's triggers, checks the key, and forwards requests to the worker with the proxy of the
/// Functions host.
/// </summary>
internal sealed class HttpFront(WorkerLine worker, JobMethods methods, JobHost jobs, ExtensionWebhooks webhooks, TestControl control) : IDisposable
{
    /// <summary>The only function key.</summary>
    public const string Key = "a-function-key";

    private readonly HttpMessageInvoker _toWorker = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
    });

    public async Task<WebApplication> StartAsync(Uri address)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(address.AbsoluteUri).ConfigureKestrel(k => k.Limits.MaxRequestBodySize = 100 << 20);
        builder.Services.AddRouting(o => o.SetParameterPolicy<RegexInlineRouteConstraint>("regex")).AddHttpForwarder();
        var app = builder.Build();
        foreach (var function in worker.Functions.Where(f => f.Trigger.Is("httpTrigger")))
            app.Map($"/{function.Trigger.Route ?? function.Name}", http => ServeAsync(function, http));
        app.Map("/runtime/webhooks/{extension}/{**rest}", (string extension, HttpContext http) => webhooks.ServeAsync(extension, http));
        app.MapGet("/admin/functions", () => worker.Functions);
        app.MapGet("/admin/invocations", () => Invocations.All);
        app.MapPost("/admin/functions/{name}", CallByNameAsync);
        app.MapPost("/admin/kill/{point}/{times:int}", (string point, int times) => control.KillAt(point, times));
        await app.StartAsync();
        return app;
    }

    public void Dispose() => _toWorker.Dispose();

    private async Task<IResult> CallByNameAsync(string name, HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        await CallAsync(name, new(Guid.NewGuid().ToString(), await reader.ReadToEndAsync(), new Dictionary<string, string?>()));
        return Results.Accepted();
    }

    private Task CallAsync(string name, Call call) => jobs.CallAsync(methods.Find(name), new Dictionary<string, object?> { ["call"] = call });

    private async Task ServeAsync(AppFunction function, HttpContext http)
    {
        if (!string.Equals(function.Trigger.AuthLevel, "anonymous", StringComparison.OrdinalIgnoreCase)
            && http.Request.Headers["x-functions-key"] != Key && http.Request.Query["code"] != Key)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        var call = new Call(Guid.NewGuid().ToString(), null, http.Request.RouteValues.ToDictionary(v => v.Key, v => v.Value?.ToString()));
        var invocation = CallAsync(function.Name, call);
        var forwarder = http.RequestServices.GetRequiredService<IHttpForwarder>();
        await forwarder.SendAsync(http, worker.HttpAddress!, _toWorker, ForwarderRequestConfig.Empty, new ToWorker(call.Id));
        try
        {
            await invocation;
        }
        catch (Exception) when (!http.Response.HasStarted)
        {
            http.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
        catch (Exception)
        {
            // The worker's own answer has been started already.
        }
    }

    /// <summary>Adds the invocation's id and the caller's address. Headers of these names from the caller are removed.</summary>
    private sealed class ToWorker(string invocationId) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.Headers.Remove("x-ms-invocation-id");
            proxyRequest.Headers.Add("x-ms-invocation-id", invocationId);
            proxyRequest.Headers.Host = null;
            foreach (var (header, value) in new[] { ("Host", httpContext.Request.Host.Value), ("Proto", httpContext.Request.Scheme), ("For", "127.0.0.1") })
            {
                proxyRequest.Headers.Remove($"X-Forwarded-{header}");
                proxyRequest.Headers.Add($"X-Forwarded-{header}", value);
            }
        }
    }
}
