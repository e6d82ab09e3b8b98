using System.Collections.Concurrent;
using System.Text.Json;
using StandardWebhooks;
using StandardWebhooks.Diagnostics;

// A receiver of KlingFunctions' webhooks: it believes only those whose signature verifies, and acts once on each.
var builder = WebApplication.CreateBuilder(args);
var secret = builder.Configuration["WEBHOOK_SECRET"]
    ?? throw new InvalidOperationException("Set the environment variable WEBHOOK_SECRET to the host's Webhooks:Secret, whsec_….");
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 1024 * 1024);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var app = builder.Build();
var webhook = new StandardWebhook(secret);

// In memory for the sample's sake: keep the ids where your own data is.
var seen = new ConcurrentDictionary<string, bool>();

app.MapPost("/webhooks", async (HttpRequest request, CancellationToken cancellationToken) =>
{
    // The text as it came: JSON that was read and written again has another signature.
    using var reader = new StreamReader(request.Body);
    var body = await reader.ReadToEndAsync(cancellationToken);
    if (!IsSigned(request.Headers, body)) return Results.Unauthorized();

    // The same webhook may come twice, under the same id.
    if (!seen.TryAdd(request.Headers["webhook-id"].ToString(), true)) return Results.NoContent();
    var message = JsonElement.Parse(body);
    var data = message.GetProperty("data");
    var url = data.TryGetProperty("video", out var video) ? video.GetProperty("url").GetString() : "";
    Console.WriteLine($"{message.GetProperty("type")} {data.GetProperty("id")} {url}");
    return Results.NoContent();
});
app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine($"Listening on {app.Urls.First()}/webhooks"));
app.Run();

// While a secret is replaced, a webhook has two signatures. The library (1.1.2) compares the first alone, so it gets them one by one.
bool IsSigned(IHeaderDictionary headers, string body) => headers["webhook-signature"].ToString().Split(' ').Any(signature =>
{
    try
    {
        webhook.Verify(body, new HeaderDictionary(headers.ToDictionary(StringComparer.OrdinalIgnoreCase)) { ["webhook-signature"] = signature });
        return true;
    }
    catch (WebhookVerificationException)
    {
        return false;
    }
});
