using System.CommandLine;
using System.Net.Sockets;
using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Simulator;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Cli;

/// <summary><c>serve</c>: the host, until a signal ends it.</summary>
internal sealed class ServeCommand : Command
{
    private const string SimulatedData = "data-simulated";
    private const string HostLog = "Microsoft.Extensions.Hosting.Internal.Host";

    // Of the framework's own sections, those that a host on one machine has use for.
    private static readonly string[] Sections = [.. PipelineServices.Sections.Keys, LocalOptions.Section, "Kestrel", "Logging"];

    private readonly Option<string?> _urls = new("--urls") { Description = "Where to listen, such as http://127.0.0.1:7071 (the default)." };
    private readonly Option<string?> _data = new("--data") { Description = "The folder for the journal, the videos and the inbox (default ./data)." };
    private readonly Option<bool> _simulate = new("--simulate")
    {
        Description = $"Runs a simulated RunComfy beside it: nothing is paid, no token is needed, and data goes to ./{SimulatedData}.",
    };
    private readonly Terminal _terminal;

    public ServeCommand(Terminal terminal)
        : base("serve", "Runs the host. Every setting may follow as --Section:Key VALUE, such as --Pipeline:PollMin 00:00:01.")
    {
        _terminal = terminal;
        Options.Add(_urls);
        Options.Add(_data);
        Options.Add(_simulate);
        TreatUnmatchedTokensAsErrors = false;
        SetAction(RunAsync);
    }

    /// <summary>Settings among the arguments: <c>--Section:Key value</c> or <c>--Section:Key=value</c>.</summary>
    /// <exception cref="ExitException">An argument is neither: the message names it.</exception>
    internal static Dictionary<string, string?> Settings(IReadOnlyList<string> tokens)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < tokens.Count; i++)
        {
            var parts = tokens[i].Split('=', 2);
            if (!parts[0].StartsWith("--", StringComparison.Ordinal) || !parts[0].Contains(':', StringComparison.Ordinal))
                throw Wrong($"'serve' does not know '{tokens[i]}': give --urls, --data, or a setting as --Section:Key VALUE.");
            var (key, section) = (parts[0][2..], parts[0][2..parts[0].IndexOf(':', StringComparison.Ordinal)]);
            if (!Sections.Contains(section, StringComparer.OrdinalIgnoreCase))
            {
                var meant = NearestName.Of(section, Sections) + key[section.Length..];
                throw new ExitException(ExitCodes.Configuration, $"{key} is no setting that is known: did you mean {meant}?");
            }
            if (parts.Length == 1 && i + 1 == tokens.Count) throw Wrong($"The setting {parts[0]} has no value.");
            settings[key] = parts.Length == 2 ? parts[1] : tokens[++i];
        }
        return settings;

        static ExitException Wrong(string sentence) => new(ExitCodes.Usage, sentence);
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var settings = Settings(parsed.UnmatchedTokens);
        if (parsed.GetValue(_urls) is { } urls) settings["urls"] = urls;
        if (parsed.GetValue(_data) is { } data) settings["Local:DataDirectory"] = data;
        var isUp = false;
        await using var runComfy = parsed.GetValue(_simulate) ? await SimulateAsync(settings, cancel) : null;
        try
        {
            // Why it does not come up is said below, in a sentence.
            await using var app = LocalHost.Build(settings, builder => builder.Logging.AddFilter(HostLog, level => isUp && level >= LogLevel.Warning));
            app.Services.GetRequiredService<IStartupValidator>().Validate(); // All that is wrong at once, not what is looked at first.
            try
            {
                await app.StartAsync(cancel);
            }
            catch (Exception e) when (e is IOException or SocketException or SettingException)
            {
                // The address comes last. By then a job may be at its paid POST, which is worth finishing.
                await app.StopAsync(CancellationToken.None);
                throw;
            }
            isUp = true;
            Introduce(app, runComfy);
            await app.WaitForShutdownAsync(cancel);
            return ExitCodes.Success;
        }
        catch (InvalidOperationException e) when (e.InnerException is FormatException)
        {
            throw new ExitException(ExitCodes.Configuration, e.Message);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new ExitException(ExitCodes.Unavailable, $"{e.Message} Stop what listens there, or choose another address with --urls.");
        }
    }

    private static async Task<SimulatorHost> SimulateAsync(Dictionary<string, string?> settings, CancellationToken cancel)
    {
        SimulatorHost runComfy;
        try
        {
            runComfy = await SimulatorHost.StartAsync(url: "http://127.0.0.1:5080", ct: cancel);
        }
        catch (IOException)
        {
            runComfy = await SimulatorHost.StartAsync(ct: cancel);
        }
        settings["RunComfy:BaseUrl"] = runComfy.BaseUrl.AbsoluteUri;
        // Never the real one.
        settings["RunComfy:ApiToken"] = "simulated";
        settings["Network:AllowLoopback"] = "true";
        // Jobs of the real RunComfy are none of the simulator's.
        settings.TryAdd("Local:DataDirectory", SimulatedData);
        return runComfy;
    }

    private static string Caps(PipelineOptions pace) => (pace.MaxJobsPerDay, pace.MaxInFlight) switch
    {
        (0, 0) => "no cap on jobs a day or at one time: Pipeline:MaxJobsPerDay and Pipeline:MaxInFlight set one",
        (0, var atOnce) => $"no cap on jobs a day (Pipeline:MaxJobsPerDay); {atOnce} at one time",
        (var aDay, 0) => $"{aDay} jobs a day; no cap on jobs at one time (Pipeline:MaxInFlight)",
        var (aDay, atOnce) => $"{aDay} jobs a day, {atOnce} at one time",
    };

    private void Introduce(WebApplication app, SimulatorHost? simulator)
    {
        T Options<T>() where T : class => app.Services.GetRequiredService<IOptions<T>>().Value;
        var (local, runComfy, url) = (Options<LocalOptions>(), Options<RunComfyOptions>(), app.Services.GetRequiredService<HostAddress>().Value);
        var hasKey = !string.IsNullOrEmpty(local.ApiKey);
        var blobs = app.Services.GetService<BlobServiceClient>()?.Uri;
        var body = simulator is null
            ? "@samples/request.json"
            : $$"""'{"prompt": "@Image1 at dawn", "image_urls": ["{{new Uri(simulator.BaseUrl, "/simulator/images/valley.webp")}}"]}'""";
        var curl = $"curl {(hasKey ? "-H \"x-functions-key: $KLING_KEY\" " : "")}--json {body} {url}/api/videos";

        _terminal.Out.Facts(
        [
            ("Listens on", string.Join(", ", app.Urls)),
            ("Data", $"{Path.GetFullPath(local.DataDirectory)} (journal{(blobs is null ? ", videos" : "")}; requests that land in {Path.GetFileName(local.Inbox)}/ start jobs)"),
            .. blobs is null ? Array.Empty<(string, string)>() : [("Videos", $"{blobs.GetLeftPart(UriPartial.Path)} (container {Containers.Videos})")],
            ("Provider", new Uri(runComfy.BaseUrl) switch
            {
                { IsLoopback: true } => $"{runComfy.BaseUrl}, on this machine: a simulator, nothing is paid",
                { Host: var host } when host.EndsWith(".runcomfy.net", StringComparison.OrdinalIgnoreCase) =>
                    $"{runComfy.BaseUrl}, the real RunComfy: a submission costs money ({SubmitCommand.Price})",
                _ => $"{runComfy.BaseUrl}: neither RunComfy's own address nor this machine",
            }),
            ("Caps", Caps(Options<PipelineOptions>())),
            ("Key", hasKey ? "needed in the header x-functions-key" : "none, so only this machine may call: Local:ApiKey sets one"),
            ("Webhooks", string.IsNullOrEmpty(Options<WebhookOptions>().Secret)
                ? "not signed: set Webhooks:Secret to whsec_ and what 'openssl rand -base64 32' says"
                : "signed"),
            (simulator is null ? "Check, free" : "Check", $"{curl}/validate"),
            ("Submit", curl),
        ]);
        _terminal.Out.Say("Ctrl-C ends it; jobs under way go on at the next start.");
    }
}
