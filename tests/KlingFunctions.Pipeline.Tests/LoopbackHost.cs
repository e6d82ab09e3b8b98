using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Tests;

/// <summary>A server on loopback that answers as the test says, and records its requests.</summary>
internal sealed class LoopbackHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private LoopbackHost(WebApplication app) => _app = app;

    public List<IHeaderDictionary> Asked { get; } = [];

    public string Url => _app.Urls.Single();

    /// <param name="answer">Answers each request.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <param name="certificate">The certificate for https; null: http.</param>
    public static async Task<LoopbackHost> StartAsync(RequestDelegate answer, CancellationToken cancellationToken, X509Certificate2? certificate = null)
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
        await host._app.StartAsync(cancellationToken);
        return host;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
