using System.CommandLine;
using System.Net.Sockets;
using System.Security.Cryptography;
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
    private const string SamplePrompt = "@Image1 at dawn";
    private const string SampleImage = "https://playgrounds-storage-public.runcomfy.net/tools/7244/media-files/input-1-4.png";
    private static readonly string[] OwnOptions = ["--urls", "--data", "--simulate"];

    private const string Kestrel = "Microsoft.AspNetCore.Server.Kestrel.Core";

    // The sections of ASP.NET Core and .NET that are useful on one machine.
    private static readonly string[] Sections = [.. PipelineServices.Sections.Keys, LocalOptions.Section, Knobs.Section, "Kestrel", "Logging"];

    private readonly Option<string?> _urls = new("--urls") { Description = "The address to listen on, such as http://127.0.0.1:7071 (the default)." };
    private readonly Option<string?> _data = new("--data") { Description = "The folder for the journal, the videos and the inbox (default ./data)." };
    private readonly Option<bool> _simulate = new("--simulate")
    {
        Description = $"Runs a simulated RunComfy beside it: nothing is paid, no token is needed, and data goes to ./{SimulatedData}. Its knobs follow as --Simulator:RunTime 00:01:00.",
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

    /// <summary>Reads settings from the arguments: <c>--Section:Key value</c> or <c>--Section:Key=value</c>.</summary>
    /// <exception cref="ExitException">An argument is neither: the message names it.</exception>
    internal static Dictionary<string, string?> Settings(IReadOnlyList<string> tokens)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < tokens.Count; i++)
        {
            var parts = tokens[i].Split('=', 2);
            if (!parts[0].StartsWith("--", StringComparison.Ordinal) || !parts[0].Contains(':', StringComparison.Ordinal))
            {
                var suggestion = Suggestion.For(parts[0], OwnOptions) is { } option ? $"did you mean {option}?" : $"give {string.Join(", ", OwnOptions)}, or a setting as --Section:Key VALUE.";
                throw Wrong($"'serve' does not know '{tokens[i]}': {suggestion}");
            }
            var (key, section) = (parts[0][2..], parts[0][2..parts[0].IndexOf(':', StringComparison.Ordinal)]);
            if (!Sections.Contains(section, StringComparer.OrdinalIgnoreCase))
            {
                var suggestion = NearestName.Of(section, Sections) + key[section.Length..];
                throw new ExitException(ExitCodes.Configuration, $"{key} is not a known setting: did you mean {suggestion}?");
            }
            if (parts.Length == 1 && i + 1 == tokens.Count) throw Wrong($"The setting {parts[0]} has no value.");
            settings[key] = parts.Length == 2 ? parts[1] : tokens[++i];
        }
        return settings;

        static ExitException Wrong(string sentence) => new(ExitCodes.Usage, sentence);
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var settings = Settings(parsed.UnmatchedTokens);
        if (parsed.GetValue(_urls) is { } urls) settings["urls"] = urls;
        if (parsed.GetValue(_data) is { } data) settings["Local:DataDirectory"] = data;
        var isUp = false;
        if (KnobsAmong(settings) is { Count: > 0 } knobs && !parsed.GetValue(_simulate))
            throw new ExitException(ExitCodes.Usage, $"{knobs.Keys.First()} is a knob of the simulator: give --simulate, too.");
        await using var runComfy = parsed.GetValue(_simulate) ? await SimulateAsync(settings, cancellationToken) : null;
        try
        {
            // The reason of a failed start is printed below, as one sentence.
            await using var app = LocalHost.Build(settings, builder =>
            {
                builder.Logging.AddFilter(LocalHost.HostLog, level => isUp && level >= LogLevel.Warning);
                // Has an effect only if Windows' service manager started this process.
                builder.Services.AddWindowsService(service => service.ServiceName = ProgramName.Tool);
            });
            app.Services.GetRequiredService<IStartupValidator>().Validate(); // Validates all options at once, so that every fault is shown and not only the first.
            try
            {
                await app.StartAsync(cancellationToken);
            }
            catch (Exception e) when (e is IOException or SocketException or SettingException)
            {
                // The address is bound last. A job may be in its paid POST by then, so the host stops gracefully.
                await app.StopAsync(CancellationToken.None);
                throw;
            }
            isUp = true;
            Introduce(app, runComfy);
            await app.WaitForShutdownAsync(cancellationToken);
            return ExitCodes.Success;
        }
        catch (InvalidOperationException e) when (e.InnerException is FormatException)
        {
            throw new ExitException(ExitCodes.Configuration, e.Message);
        }
        catch (InvalidOperationException e) when (e.Source == Kestrel)
        {
            throw new ExitException(
                ExitCodes.Configuration,
                e.Message.Contains("HTTPS", StringComparison.Ordinal)
                    ? "An address with https: needs a certificate: set Kestrel:Certificates:Default:Path (and :Password), or listen on http: behind a proxy with TLS."
                    : $"Kestrel:Endpoints: {e.Message}");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or CryptographicException)
        {
            throw new ExitException(ExitCodes.Configuration, $"The certificate in Kestrel:Certificates or Kestrel:Endpoints can't be read: {e.Message}");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressNotAvailable)
        {
            throw new ExitException(ExitCodes.Configuration, $"{Addresses(settings)} is not an address of this machine: choose another one with --urls.");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied)
        {
            throw new ExitException(ExitCodes.NoPermission, $"This user may not listen on {Addresses(settings)}: choose a port above 1023 with --urls, or give the program the right to use this one.");
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new ExitException(ExitCodes.Unavailable, $"{e.Message} Stop what listens there, or choose another address with --urls.");
        }
    }

    private static string Addresses(Dictionary<string, string?> settings) => settings.GetValueOrDefault("urls") ?? "the configured address";

    private static async Task<SimulatorHost> SimulateAsync(Dictionary<string, string?> settings, CancellationToken cancellationToken)
    {
        var behaviour = ReadKnobs(settings);
        SimulatorHost runComfy;
        try
        {
            runComfy = await SimulatorHost.StartAsync(behaviour, url: "http://127.0.0.1:5080", cancellationToken: cancellationToken);
        }
        catch (IOException)
        {
            runComfy = await SimulatorHost.StartAsync(behaviour, cancellationToken: cancellationToken);
        }
        settings["RunComfy:BaseUrl"] = runComfy.BaseUrl.AbsoluteUri;
        // A real token must never reach the simulator.
        settings["RunComfy:ApiToken"] = "simulated";
        settings["Network:AllowLoopback"] = "true";
        // Simulated jobs are kept apart from real ones.
        settings.TryAdd("Local:DataDirectory", SimulatedData);
        return runComfy;
    }

    private static Behaviour ReadKnobs(Dictionary<string, string?> settings)
    {
        var knobs = KnobsAmong(settings);
        foreach (var key in knobs.Keys) settings.Remove(key);
        try
        {
            return Knobs.Read(new ConfigurationBuilder().AddInMemoryCollection(knobs).Build());
        }
        catch (FormatException e)
        {
            throw new ExitException(ExitCodes.Configuration, e.Message);
        }
    }

    private static Dictionary<string, string?> KnobsAmong(Dictionary<string, string?> settings) =>
        settings.Where(setting => setting.Key.StartsWith($"{Knobs.Section}:", StringComparison.OrdinalIgnoreCase)).ToDictionary();

    private static string Caps(PipelineOptions pace) => AtMost(pace)
        + (pace.MaxSpendPerDay > 0 ? $"; {PriceText.Of(pace.MaxSpendPerDay, "USD")} a day" : "; no cap on money a day (Pipeline:MaxSpendPerDay)");

    private static string AtMost(PipelineOptions pace) => (pace.MaxJobsPerDay, pace.MaxInFlight) switch
    {
        (0, 0) => "no cap on jobs a day or at one time: Pipeline:MaxJobsPerDay and Pipeline:MaxInFlight set one",
        (0, var atOnce) => $"no cap on jobs a day (Pipeline:MaxJobsPerDay); {atOnce} at one time",
        (var aDay, 0) => $"{aDay} jobs a day; no cap on jobs at one time (Pipeline:MaxInFlight)",
        var (aDay, atOnce) => $"{aDay} jobs a day, {atOnce} at one time",
    };

    private void Introduce(WebApplication app, SimulatorHost? simulator)
    {
        T Options<T>() where T : class => app.Services.GetRequiredService<IOptions<T>>().Value;
        var (local, runComfy, url) = (Options<LocalOptions>(), Options<RunComfyOptions>(), app.Services.GetRequiredService<ListenAddress>().Value);
        var hasKey = !string.IsNullOrEmpty(local.ApiKey);
        var blobs = app.Services.GetService<BlobServiceClient>()?.Uri;
        var image = simulator is null ? SampleImage : new Uri(simulator.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri;
        var hints = new Hints(_terminal.Program, url == DeploymentOptions.DefaultUrl ? null : url);
        var request = $"--prompt '{SamplePrompt}' --image {image}";
        var curl = $$"""curl {{(hasKey ? "-H \"x-functions-key: $KLING_KEY\" " : "")}}--json '{"prompt": "{{SamplePrompt}}", "image_urls": ["{{image}}"]}' {{url}}/api/videos""";

        _terminal.Out.Facts(
        [
            ("Listens on", string.Join(", ", app.Urls)),
            ("Data", $"{Path.GetFullPath(local.DataDirectory)} (journal{(blobs is null ? ", videos" : "")}; requests that land in {Path.GetFileName(local.Inbox)}/ start jobs)"),
            .. blobs is null ? Array.Empty<(string, string)>() : [("Videos", $"{blobs.GetLeftPart(UriPartial.Path)} (container {Containers.Videos})")],
            ("Provider", new Uri(runComfy.BaseUrl) switch
            {
                { IsLoopback: true } => $"{runComfy.BaseUrl}, on this machine: a simulator, nothing is paid",
                { Host: var host } when host.EndsWith(".runcomfy.net", StringComparison.OrdinalIgnoreCase) =>
                    $"{runComfy.BaseUrl}, the real RunComfy: a submission costs money",
                _ => $"{runComfy.BaseUrl}: neither RunComfy's own address nor this machine",
            }),
            ("Caps", Caps(Options<PipelineOptions>())),
            ("Key", hasKey ? "needed in the header x-functions-key; the command line reads it from KLING_KEY" : "none, so only this machine may call: Local:ApiKey sets one"),
            ("Webhooks", string.IsNullOrEmpty(Options<WebhookOptions>().Secret)
                ? "not signed: set Webhooks:Secret to whsec_ and the output of 'openssl rand -base64 32'"
                : "signed"),
            ("Page", url),
            (simulator is null ? "Check, free" : "Check", hints.For($"validate {request}")),
            ("Submit", hints.For($"submit {request} --watch")),
            ("By HTTP", curl),
        ]);
        _terminal.Out.Say("Ctrl-C ends it; running jobs continue after the next start.");
    }
}
