using KlingFunctions.AzureStorage;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Stores;
using KlingFunctions.Local.Uploads;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Settings;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local;

/// <summary>The one-machine host: the pipeline on Kestrel, a journal and a folder.</summary>
internal static class LocalHost
{
    /// <summary>The name under which .NET logs that a host could not start.</summary>
    internal const string HostLog = "Microsoft.Extensions.Hosting.Internal.Host";

    // In code, so that a user's own appsettings.json adds to these settings instead of replacing a file that has them.
    private static readonly Dictionary<string, string?> Defaults = new()
    {
        ["Logging:LogLevel:Default"] = nameof(LogLevel.Information),
        ["Logging:LogLevel:Microsoft"] = nameof(LogLevel.Warning),
        ["Logging:Console:FormatterName"] = LogLines.FormatterName,
    };

    /// <summary>Builds the host. Its settings come from appsettings.json, the environment, and <paramref name="settings"/> over both.</summary>
    /// <exception cref="SettingException">A setting is wrong or missing: one sentence names it.</exception>
    /// <exception cref="OptionsValidationException">Settings are unknown, or have the wrong form: one sentence for each.</exception>
    public static WebApplication Build(IReadOnlyDictionary<string, string?> settings, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = CreateBuilder(AppContext.BaseDirectory);
        builder.Configuration.AddInMemoryCollection(settings);
        LoggingCheck.Run(builder.Configuration);
        SettingsCheck.Run(builder.Configuration, new Dictionary<string, Type>(PipelineServices.Sections) { [LocalOptions.Section] = typeof(LocalOptions) });
        if (string.IsNullOrEmpty(builder.Configuration["urls"]) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists()) builder.WebHost.UseUrls(DeploymentOptions.DefaultUrl);
        // Kestrel's own log lines would show whole URLs, with secrets in their queries.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddConsoleFormatter<LogLines, ConsoleFormatterOptions>();
        builder.Services.AddPipeline(builder.Configuration);
        AddLocal(builder);
        configure?.Invoke(builder);
        builder.AddTelemetry();

        var app = builder.Build();
        CheckAddresses(app);
        app.UseExceptionHandler(errors => errors.Run(http =>
            Problem.Unexpected(http.Features.Get<IExceptionHandlerFeature>()?.Error).ExecuteAsync(http)));
        app.UseRefusals();
        app.UseMiddleware<ApiKeyGate>();
        app.MapPipeline();
        app.MapMethods($"{SignedAssetLinks.Route}/{{**path}}", [HttpMethods.Get, HttpMethods.Head], (HttpContext http, string path, SignedAssetLinks links) => links.Serve(http, path));
        return app;
    }

    /// <summary>A builder with the settings of the environment, and of the file <c>appsettings.json</c> in a folder.</summary>
    /// <exception cref="SettingException">The file can't be read.</exception>
    internal static WebApplicationBuilder CreateBuilder(string folder)
    {
        try
        {
            var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = folder });
            ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource { InitialData = Defaults });
            return builder;
        }
        catch (InvalidDataException e)
        {
            throw new SettingException($"{e.Message} {e.GetBaseException().Message.TrimEnd('.')}. Correct the file, or take it away.");
        }
    }

    private static void AddLocal(WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<LocalOptions>().Bind(builder.Configuration.GetSection(LocalOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LocalOptions>, LocalOptionsValidator>();
        // Let running steps finish before the host exits: one may be a paid POST.
        services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(70));

        OpenAddressGuard.Add(services);
        services.AddExceptionHandler<JournalErrors>();
        services.AddSingleton(s => new JournalDatabase(s.GetRequiredService<IOptions<LocalOptions>>().Value.DataDirectory));
        services.AddSingleton<InstanceStore>().AddSingleton<IJobs, JournalJobs>();
        services.AddSingleton<WorkflowEngine>().AddHostedService(s => s.GetRequiredService<WorkflowEngine>());
        services.AddSingleton<ISubmissionLedger, SqliteLedger>().AddSingleton<IDocuments, SqliteDocuments>();

        services.AddSingleton<ListenAddress>();
        services.AddSingleton<InboxFolder>().AddSingleton<IUploads>(s => s.GetRequiredService<InboxFolder>());
        services.AddHostedService<OldJobsTimer>();
        services.AddSingleton<InboxWatcher>().AddHostedService(s => s.GetRequiredService<InboxWatcher>());

        services.AddSingleton<AssetFolder>().AddSingleton<IAssetStore>(s => s.GetRequiredService<AssetFolder>()).AddSingleton<ImageFiles>();
        services.AddSingleton<SignedAssetLinks>();
        if (string.IsNullOrEmpty(builder.Configuration["Storage:Blobs"]))
        {
            services.AddSingleton<IVideoStore>(s =>
                new FolderVideoStore(s.GetRequiredService<IOptions<LocalOptions>>().Value.Videos, s.GetRequiredService<TimeProvider>()));
            services.AddSingleton<IAssetLinks>(s => s.GetRequiredService<SignedAssetLinks>());
        }
        else
        {
            services.AddBlobVideos(builder.Configuration).AddSingleton<IAssetLinks, UploadedAssetLinks>();
        }
    }

    private static void CheckAddresses(WebApplication app)
    {
        foreach (var url in app.Configuration["urls"]?.Split(';', StringSplitOptions.RemoveEmptyEntries) ?? []) CheckAddress(url);
    }

    private static void CheckAddress(string url)
    {
        try
        {
            if (BindingAddress.Parse(url).Port is >= 0 and <= ushort.MaxValue) return;
        }
        catch (FormatException)
        {
            // Reported below.
        }
        throw new SettingException($"urls: '{url}' is not an address to listen on: write it like {DeploymentOptions.DefaultUrl}.");
    }
}

/// <summary>A setting is wrong or missing: the message is one sentence that names it.</summary>
internal sealed class SettingException(string message) : Exception(message);
