using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KlingFunctions.Local.Webhooks;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Cli;

/// <summary><c>listen</c>: receives webhooks on this machine, with a subscription that lasts as long as the command runs.</summary>
internal sealed class ListenCommand : ClientCommand
{
    private const int DefaultPort = 7073;
    private const string Root = "/listen";

    private readonly Option<string[]> _events = new("--events")
    {
        Description = "Only these, such as video.failed (default: all that are about jobs).",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _forward = new("--forward") { Description = "Also sends each webhook to this URL, and passes its answer on to the host." };
    private readonly Option<int> _port = new("--port")
    {
        Description = "The port on loopback to listen on.",
        DefaultValueFactory = _ => DefaultPort,
        CustomParser = given =>
        {
            if (ushort.TryParse(given.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var port)) return port;
            given.AddError("--port must be from 0 (any free one) to 65535.");
            return DefaultPort;
        },
    };

    private readonly Option<string?> _publicUrl = new("--public-url")
    {
        Description = "Where a host that is not on this machine reaches the port: the https address of your tunnel.",
    };

    private readonly Option<string?> _secret = new("--secret")
    {
        // No default value, which help would show.
        Description = "The host's Webhooks:Secret, which signatures are verified with. Better in KLING_WEBHOOK_SECRET, where no list of processes shows it.",
    };

    private readonly TimeProvider _time;

    public ListenCommand(Terminal terminal)
        : base(
            "listen",
            "Receives webhooks on this machine until Ctrl-C: subscribes, verifies, prints, forwards if asked, and ends its subscription. If it was killed, "
            + "its subscription stays: the next one on the same port takes it over, or has the host delete it with a 410.",
            terminal)
    {
        _time = terminal.Time;
        _events.AcceptOnlyFromAmong([.. EventTypes.All]);
        Options.Add(_events);
        Options.Add(_forward);
        Options.Add(_port);
        Options.Add(_publicUrl);
        Options.Add(_secret);
    }

    protected override async Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        string[] events = [.. parsed.GetValue(_events)!.Distinct().Order(StringComparer.Ordinal)];
        // The path contains the events. A webhook for another path belongs to the subscription of a listener that was killed.
        var path = events.Length == 0 ? Root : $"{Root}/{string.Join('+', events)}";
        var publicUrl = PublicUrl(parsed.GetValue(_publicUrl), deployment, parsed.GetValue(_port));
        var (forward, secret) = (Forward(parsed.GetValue(_forward)), Secret(parsed.GetValue(_secret)));

        using var desk = new WebhookDesk(path, secret, forward, _time, webhook => Show(webhook, deployment, commandOutput, forward), commandOutput.Say);
        await using var server = await StartAsync(parsed.GetValue(_port), desk.AnswerAsync, cancellationToken);
        var url = (publicUrl ?? server.Url) + path;
        var body = JsonSerializer.SerializeToUtf8Bytes(new SubscriptionRequest(url, events), PipelineJson.Default.SubscriptionRequest);
        // Equal URL and events give the same subscription, so a repeat is harmless.
        var answer = await deployment.PostAsync("/api/subscriptions", body, cancellationToken);
        var subscription = answer.As<SubscriptionResource>();
        commandOutput.Say($"Listening on {server.Url}{path}{(publicUrl is null ? "" : $", which the host reaches as {url}")}. Ctrl-C ends it, and its subscription.");
        if (secret is null) commandOutput.Say("Signatures are not verified: put the host's Webhooks:Secret into the environment variable KLING_WEBHOOK_SECRET.");
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C ends the command normally.
        }
        return await EndAsync(deployment, subscription.Id, commandOutput);
    }

    private static async Task<int> EndAsync(Deployment deployment, string id, CommandOutput commandOutput)
    {
        try
        {
            await deployment.DeleteAsync($"/api/subscriptions/{Uri.EscapeDataString(id)}", CancellationToken.None);
        }
        catch (Exception e) when (e is ExitException or RefusedException)
        {
            commandOutput.Say($"The subscription {id} could not be ended. {e.Message} The next 'listen' on this port ends it, and so does: {commandOutput.Hints.For($"subscriptions --delete {id}")}");
            return ExitCodes.Unavailable;
        }
        commandOutput.Say("The subscription is ended.");
        return ExitCodes.Success;
    }

    private static async Task<WebhookServer> StartAsync(int port, RequestDelegate answer, CancellationToken cancellationToken)
    {
        try
        {
            return await WebhookServer.StartAsync(port, answer, cancellationToken);
        }
        catch (IOException)
        {
            throw new ExitException(ExitCodes.Unavailable, $"Port {port} is in use, perhaps by another 'listen': choose another one with --port.");
        }
    }

    /// <summary>The tunnel's address; null for a host on this machine, which needs no tunnel.</summary>
    private static string? PublicUrl(string? given, Deployment deployment, int port)
    {
        if (given is null)
        {
            return deployment.IsOnThisMachine
                ? null
                : throw new ExitException(
                    ExitCodes.Usage,
                    $"{deployment.Url} can't reach this machine: run a tunnel to port {port}, such as 'cloudflared tunnel --url http://127.0.0.1:{port}', "
                    + "and give its https address as --public-url.");
        }
        return Uri.TryCreate(given, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.PathAndQuery == "/" && url.Fragment.Length == 0
            ? url.GetLeftPart(UriPartial.Authority)
            : throw new ExitException(
                ExitCodes.Usage, $"'{given}' is not the address of a tunnel: --public-url looks like https://name.example.com, without a path.");
    }

    private static Uri? Forward(string? given) => given is null ? null
        : Uri.TryCreate(given, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url
        : throw new ExitException(ExitCodes.Usage, $"'{given}' is not a URL: --forward looks like http://127.0.0.1:3000/webhooks.");

    private static WebhookSecret? Secret(string? option)
    {
        if ((option ?? Environment.GetEnvironmentVariable("KLING_WEBHOOK_SECRET"))?.Trim() is not { Length: > 0 } text) return null;
        return WebhookSecret.TryParse(text, out var secret)
            ? secret
            : throw new ExitException(
                ExitCodes.Usage, "This is not a webhook secret: --secret or KLING_WEBHOOK_SECRET is whsec_ and base64, as the host's Webhooks:Secret.");
    }

    private void Show(AcceptedWebhook webhook, Deployment deployment, CommandOutput commandOutput, Uri? forward)
    {
        var line = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{_time.GetLocalNow():HH:mm:ss}  {webhook.Summary.Type,-15}  {webhook.Summary.Id}  ")
            .Append(webhook.IsVerified ? "signature verifies" : webhook.Webhook.Signature.Length > 0 ? "signature not verified" : "not signed");
        if (webhook.Forwarded is { } status) line.Append(CultureInfo.InvariantCulture, $"  {forward} answered {status}");
        if (webhook.Summary.Note is { } note) line.Append(CultureInfo.InvariantCulture, $"  {note}");
        commandOutput.Result(new(deployment.Url, webhook.Webhook.Bytes), console => console.Say(line.ToString()));
    }
}
