using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>Completion: the program's suggestions, and the shells' scripts that ask for them.</summary>
public sealed class CompletionTests
{
    public static bool HasBash => File.Exists("/bin/bash");

    [Theory]
    [InlineData("subm", "submit")]
    [InlineData("", "serve")]
    [InlineData("status --js", "--json")]
    [InlineData("list --status in_", "in_queue", "in_progress")]
    [InlineData("submit --duration ", "5", "10")]
    [InlineData("completion ", "bash", "powershell", "zsh")]
    public async Task Verbs_options_and_values_are_suggested(string line, params string[] words)
    {
        var called = await Called.WithAsync($"[suggest:{line.Length}]", line);
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.All(words, word => Assert.Contains(word, called.Lines));
        if (line.Length > 0) Assert.DoesNotContain("demo", called.Lines);
    }

    [Fact(SkipUnless = nameof(HasBash), Skip = "Needs bash.")]
    public async Task Bash_completes_a_verb()
    {
        // A stand-in for the program prints its arguments.
        var script = (await Called.WithAsync("completion", "bash")).Out + """

            exec 3>&1
            kling() { printf '%s\n' "$1" "$2" >&3; printf '%s\n' --status --no-status; }
            COMP_LINE="kling list --sta and more" COMP_POINT=16
            _kling
            printf '%s\n' "${COMPREPLY[@]}"
            complete -p kling
            kling() { printf '%s\n' 16:9 9:16; }
            COMP_LINE="kling submit --aspect-ratio 16:" COMP_POINT=31
            _kling
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        using var bash = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", script]) { RedirectStandardOutput = true })!;
        var said = await bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["[suggest:10]", "list --sta", "--status", "complete -o default -F _kling kling", "9"], said.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("kling list --sta", "[suggest:10]|list --sta", "--status")]
    [InlineData("kling ", "[suggest:0]|", "--status", "--no-status")]
    public async Task PowerShell_completes_a_verb(string line, string asked, params string[] completed)
    {
        using var shell = PowerShell.Create(InitialSessionState.CreateDefault2());
        shell.AddScript((await Called.WithAsync("completion", "powershell")).Out).Invoke();
        shell.Commands.Clear();
        shell.AddScript("function kling { $global:asked = $args -join '|'; '--status'; '--no-status' }").Invoke();
        Assert.Empty(shell.Streams.Error);
        var found = CommandCompletion.CompleteInput(line, line.Length, null, shell);
        Assert.Equal(completed, found.CompletionMatches.Select(match => match.CompletionText));
        Assert.Equal(asked, shell.Runspace.SessionStateProxy.GetVariable("asked"));
    }

    [Fact]
    public async Task Unknown_shell_is_refused_with_the_known_ones()
    {
        var called = await Called.WithAsync("completion", "fish");
        Assert.Equal(ExitCodes.Usage, called.ExitCode);
        Assert.Contains("zsh", called.Error, StringComparison.Ordinal);
    }
}
