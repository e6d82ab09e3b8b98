using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using KlingFunctions.AzureStorage;
using KlingFunctions.Local.Demo;
using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Mcp;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Local.Cli;

/// <summary>All verbs of the program. Each failure becomes a sentence and an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command; returns one of <see cref="ExitCodes"/>.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellationToken = default)
    {
        var root = Commands(terminal);
        root.HelpName = terminal.Program;
        if (args.Count > 0 && args[0] is "help") args = [.. args.Skip(1), "--help"];
        // A prompt may begin with @Element1: response files are off.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is HelpAction && parsed.CommandResult.Command == root && args[0] is [not ('-' or '['), ..])
        {
            // System.CommandLine would show the help of the program, as if the word were not there.
            var meant = Suggest(root, args);
            terminal.Error.Say($"There is no command '{args[0]}'. {(meant is null ? "--help lists them all." : $"Did you mean '{meant}'?")}");
            return ExitCodes.Usage;
        }
        if (parsed.Action is ParseErrorAction misread)
        {
            // Without arguments, show the help.
            misread.ShowHelp = args.Count == 0;
            misread.ShowTypoCorrections = false; // Corrections would go to stdout.
            await parsed.InvokeAsync(Streams(terminal), cancellationToken);
            if (Suggest(parsed.CommandResult.Command, args) is { } suggestion) terminal.Error.Say($"Did you mean '{suggestion}'?");
            return ExitCodes.Usage;
        }
        try
        {
            var invocation = Streams(terminal);
            invocation.ProcessTerminationTimeout = null;
            // The host handles signals itself: a running step may be a paid POST, which needs time to finish.
            return parsed.CommandResult.Command is ServeCommand
                ? await parsed.InvokeAsync(invocation, cancellationToken)
                : await TerminationSignals.CancelAsync(token => parsed.InvokeAsync(invocation, token), cancellationToken);
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
            // Type and message are enough for a bug report; a stack trace is noise.
            terminal.Error.Say($"This should not have happened; please report it with the command that you ran: {e.GetType().Name}: {e.Message}");
            return ExitCodes.Software;
        }
    }

    private static string? Suggest(Command command, IReadOnlyList<string> args)
    {
        if (command.Subcommands.Count > 0) return args.Count == 0 ? null : Suggestion.For(args[0], command.Subcommands.Select(sub => sub.Name));
        var options = command.Options.SelectMany(option => option.Aliases.Prepend(option.Name)).ToList();
        return args.Where(arg => arg.StartsWith('-')).Select(arg => arg.Split('=')[0]).Except(options)
            .Select(arg => Suggestion.For(arg, options)).FirstOrDefault(suggestion => suggestion is not null);
    }

    private static InvocationConfiguration Streams(Terminal terminal) => new()
    {
        Output = terminal.Out.Profile.Out.Writer,
        Error = terminal.Error.Profile.Out.Writer,
        EnableDefaultExceptionHandler = false,
    };

    /// <summary>All verbs.</summary>
    internal static RootCommand Commands(Terminal terminal) => new(
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
        new DownloadCommand(terminal),
        new SubscriptionsCommand(terminal),
        new ListenCommand(terminal),
        new DoctorCommand(terminal),
        new McpCommand(terminal),
        new CompletionCommand(terminal),
    };
}
