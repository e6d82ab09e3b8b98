using System.Net;
using System.Security.Cryptography.X509Certificates;
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

    /// <param name="answer">Answers.</param>
    /// <param name="ct">Gives up.</param>
    /// <param name="certificate">With one it speaks https.</param>
    public static async Task<LoopbackHost> StartAsync(RequestDelegate answer, CancellationToken ct, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
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
