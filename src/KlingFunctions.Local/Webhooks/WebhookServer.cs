namespace KlingFunctions.Local.Webhooks;

/// <summary>A web server on loopback for receivers of webhooks. Its one handler answers every request.</summary>
internal sealed class WebhookServer : IAsyncDisposable
{
    private const int MaxBody = 1024 * 1024;

    private readonly WebApplication _app;

    private WebhookServer(WebApplication app) => _app = app;

    /// <summary>Scheme, host and port.</summary>
    public string Url => _app.Urls.First();

    /// <summary>Starts a server.</summary>
    /// <param name="port">The port to listen on; 0 for any free port.</param>
    /// <param name="answer">Answers each request.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="IOException">The port is in use.</exception>
    public static async Task<WebhookServer> StartAsync(int port, RequestDelegate answer, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls($"http://127.0.0.1:{port}").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = MaxBody);
        var app = builder.Build();
        app.Run(answer);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
        return new(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
