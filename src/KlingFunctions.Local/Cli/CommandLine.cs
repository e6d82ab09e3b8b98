using System.CommandLine;
using System.CommandLine.Invocation;
using KlingFunctions.AzureStorage;
using KlingFunctions.Local.Demo;
using KlingFunctions.Local.Journal;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Cli;

/// <summary>The verbs, and how whatever can go wrong becomes a sentence and an exit code.</summary>
internal static class CommandLine
{
    // A signal cancels the command, which then has so long to put its things away.
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);

    /// <summary>Runs a command; one of <see cref="ExitCodes"/>.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancel = default)
    {
        var root = Commands(terminal);
        if (args.Count > 0 && args[0] is "help") args = [.. args.Skip(1), "--help"];
        // Prompts begin with @Element1: that must not be read as the name of a file with arguments.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction misread)
        {
            // Who says nothing at all wants to know what there is to say.
            misread.ShowHelp = args.Count == 0;
            misread.ShowTypoCorrections = false; // They would go to stdout.
            await parsed.InvokeAsync(Streams(terminal), cancel);
            if (Meant(parsed.CommandResult.Command, args) is { } meant) terminal.Error.Say($"Did you mean '{meant}'?");
            return ExitCodes.Usage;
        }
        try
        {
            var invocation = Streams(terminal);
            // The host listens to signals itself, and takes its time: a step under way may be a paid POST.
            invocation.ProcessTerminationTimeout = parsed.CommandResult.Command is ServeCommand ? null : Farewell;
            return await parsed.InvokeAsync(invocation, cancel);
        }
        catch (ExitException e)
        {
            terminal.Error.Say(e.Message);
            return e.Code;
        }
        catch (Exception e) when (e is OptionsValidationException || e is AggregateException all && all.InnerExceptions.All(i => i is OptionsValidationException))
        {
            var wrong = e is AggregateException several ? several.InnerExceptions.Cast<OptionsValidationException>() : [(OptionsValidationException)e];
            foreach (var failure in wrong.SelectMany(w => w.Failures)) terminal.Error.Say(failure);
            return ExitCodes.Configuration;
        }
        catch (Exception e) when (e is SettingException or JournalException)
        {
            terminal.Error.Say(e.Message);
            return ExitCodes.Configuration;
        }
        catch (StorageUnavailableException e)
        {
            terminal.Error.Say(e.Message);
            return ExitCodes.Unavailable;
        }
        catch (OperationCanceledException)
        {
            terminal.Error.Say("Interrupted.");
            return ExitCodes.Interrupted;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A stack trace tells a person nothing; its type and message are what a report needs.
            terminal.Error.Say($"This should not have happened; please report it with the command that you ran: {e.GetType().Name}: {e.Message}");
            return ExitCodes.Software;
        }
    }

    private static string? Meant(Command command, IReadOnlyList<string> args)
    {
        if (command.Subcommands.Count > 0) return args.Count == 0 ? null : Suggestion.For(args[0], command.Subcommands.Select(sub => sub.Name));
        var options = command.Options.SelectMany(option => option.Aliases.Prepend(option.Name)).ToList();
        return args.Where(arg => arg.StartsWith('-')).Select(arg => arg.Split('=')[0]).Except(options)
            .Select(arg => Suggestion.For(arg, options)).FirstOrDefault(meant => meant is not null);
    }

    private static InvocationConfiguration Streams(Terminal terminal) => new()
    {
        Output = terminal.Out.Profile.Out.Writer,
        Error = terminal.Error.Profile.Out.Writer,
        EnableDefaultExceptionHandler = false,
    };

    private static RootCommand Commands(Terminal terminal) => new(
        $"Turns a prompt and reference images into a stored video, through RunComfy's Kling O1.\n\nExit codes:\n{ExitCodes.Help}")
    {
        new DemoCommand(terminal),
        new ServeCommand(terminal),
        new ValidateCommand(terminal),
        new SubmitCommand(terminal),
        new StatusCommand(terminal),
        new WatchCommand(terminal),
        new ListCommand(terminal),
        new CancelCommand(terminal),
        new ResumeCommand(terminal),
        new RedeliverCommand(terminal),
    };
}
