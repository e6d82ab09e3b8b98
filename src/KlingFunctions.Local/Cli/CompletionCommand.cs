using System.CommandLine;

namespace KlingFunctions.Local.Cli;

/// <summary><c>completion</c>: prints a script with which a shell completes verbs, options and their values.</summary>
/// <remarks>
/// The scripts call System.CommandLine's directive <c>suggest</c>. They pass the line without its first word, because the directive accepts
/// only the program's file name as the root command. It suggests every match that contains the word; the scripts keep those that begin with
/// it.
/// </remarks>
internal sealed class CompletionCommand : Command
{
    private const string Bash =
        """
        # kling completion for bash. In ~/.bashrc: eval "$(kling completion bash)"
        _kling() {
            local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n'
            line="${line#* }"
            # A colon splits words in bash: what stands before it in this word must not come again.
            local word="${line##* }" prefix=""
            [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && prefix="${word%:*}:"
            COMPREPLY=($(compgen -W "$(kling "[suggest:${#line}]" "$line" 2>/dev/null)" -- "$word"))
            COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
        }
        complete -o default -F _kling kling
        """;

    private const string Zsh =
        """
        #compdef kling
        # kling completion for zsh. In ~/.zshrc, after compinit: eval "$(kling completion zsh)"
        _kling() {
            local line="${(j: :)words[2,CURRENT]}"
            local -a found
            found=("${(@f)$(kling "[suggest:${#line}]" "$line" 2>/dev/null)}")
            if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
        }
        compdef _kling kling
        """;

    private const string PowerShell =
        """
        # kling completion for PowerShell. In $PROFILE: kling completion powershell | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName kling -ScriptBlock {
            param($wordToComplete, $commandAst, $cursorPosition)
            $typed = "$commandAst".PadRight($cursorPosition).Substring(0, $cursorPosition)
            $line = if ($typed.Contains(' ')) { $typed.Substring($typed.IndexOf(' ') + 1) } else { '' }
            kling "[suggest:$($line.Length)]" $line | Where-Object { $_.StartsWith($wordToComplete) } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }
        """;

    private readonly Argument<string> _shell = new("SHELL") { Description = "bash, zsh or powershell." };

    public CompletionCommand(Terminal terminal)
        : base("completion", "Prints a script that has your shell complete verbs, options and values; its first lines say where it goes.")
    {
        _shell.AcceptOnlyFromAmong("bash", "zsh", "powershell");
        Arguments.Add(_shell);
        SetAction(parsed =>
        {
            // Not Say, which removes line breaks.
            terminal.Out.Profile.Out.Writer.WriteLine(parsed.GetValue(_shell) switch { "bash" => Bash, "zsh" => Zsh, _ => PowerShell });
            return ExitCodes.Success;
        });
    }
}
