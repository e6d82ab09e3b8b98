using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace KlingFunctions.Benchmarks;

/// <summary>Receives webhooks on loopback and counts them.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _count;

    private Receiver(WebApplication app) => _app = app;

    public Uri Url => new($"{_app.Urls.First()}/hook");

    public int Count => Volatile.Read(ref _count);

    public static async Task<Receiver> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var receiver = new Receiver(builder.Build());
        receiver._app.Run(async http =>
        {
            await http.Request.Body.CopyToAsync(Stream.Null);
            Interlocked.Increment(ref receiver._count);
        });
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
