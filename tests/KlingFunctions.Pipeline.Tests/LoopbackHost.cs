using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Tests;

/// <summary>A server on loopback that answers as the test says and remembers what it was asked.</summary>
internal sealed class LoopbackHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private LoopbackHost(WebApplication app) => _app = app;

    public List<IHeaderDictionary> Asked { get; } = [];

    public string Url => _app.Urls.Single();

    public static async Task<LoopbackHost> StartAsync(RequestDelegate answer, CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var host = new LoopbackHost(builder.Build());
        host._app.Run(async context =>
        {
            lock (host.Asked)
                host.Asked.Add(new HeaderDictionary(context.Request.Headers.ToDictionary(h => h.Key, h => h.Value)));
            await answer(context);
        });
        await host._app.StartAsync(ct);
        return host;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
