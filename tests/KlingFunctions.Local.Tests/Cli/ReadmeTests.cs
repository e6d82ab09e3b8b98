using System.CommandLine;
using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests;
using KlingFunctions.Local.Cli;
using KlingFunctions.Pipeline;

namespace KlingFunctions.Local.Tests.Cli;

/// <summary>Compares the README with the command line and the settings.</summary>
public sealed partial class ReadmeTests
{
    private static string Readme { get; } = File.ReadAllText(RepositoryFiles.PathOf("README.md"));

    [Fact]
    public async Task Every_verb_is_named()
    {
        var help = (await Called.WithAsync("--help")).Out;
        var verbs = Verb.Matches(help[help.IndexOf("Commands:", StringComparison.Ordinal)..]).Select(verb => verb.Groups[1].Value).ToList();
        Assert.Contains("listen", verbs);
        Assert.All(verbs, verb => Assert.Matches($@"`{verb}`|\bkling {verb}\b", Readme));
    }

    [Fact]
    public void Every_exit_code_is_listed()
    {
        var sentence = ExitCodeSentence.Match(Readme).Groups[1].Value;
        var codes = typeof(ExitCodes).GetFields().Where(field => field.FieldType == typeof(int)).Select(field => (int)field.GetRawConstantValue()!);
        Assert.All(codes, code => Assert.Matches($@"(^|\s){code}\s", sentence));
    }

    [Fact]
    public void Every_setting_is_listed()
    {
        var settings = from section in PipelineServices.Sections.Append(new(LocalOptions.Section, typeof(LocalOptions)))
                       from property in section.Value.GetProperties()
                       where property.CanWrite && property.SetMethod!.IsPublic
                       select $"`{section.Key}:{property.Name}`";
        Assert.All(settings, setting => Assert.Contains(setting, Readme, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_command_in_the_documents_is_valid()
    {
        var root = CommandLine.Commands(Called.On(new(), new()));
        var lines = Directory.GetFiles(RepositoryFiles.PathOf("docs"), "*.md").Append(RepositoryFiles.PathOf("README.md"))
            .SelectMany(file => CommandInDocument.Matches(File.ReadAllText(file)).Select(command => command.Groups[1].Value)).ToList();
        Assert.Contains(lines, line => line.StartsWith("submit ", StringComparison.Ordinal));
        Assert.All(lines, line =>
        {
            var words = Word.Matches(line.Split(" #")[0]).Select(word => word.Value.Trim('\'')).ToList();
            var parsed = root.Parse(words, new ParserConfiguration { ResponseFileTokenReplacer = null });
            Assert.True(parsed.Errors.Count == 0, $"'kling {line}': {string.Join(' ', parsed.Errors.Select(error => error.Message))}");
        });
    }

    /// <summary>A command on its own line, possibly after variables, or within a sentence.</summary>
    [GeneratedRegex(@"(?m)(?:^(?:\w+=\S+ )*(?:\S+/)?|`)kling ([a-z][^`\n]*)")]
    private static partial Regex CommandInDocument { get; }

    [GeneratedRegex(@"'[^']*'|\S+")]
    private static partial Regex Word { get; }

    [GeneratedRegex(@"(?m)^  (\w+)\b")]
    private static partial Regex Verb { get; }

    [GeneratedRegex(@"Exit codes follow sysexits:\s(.+?)\. ", RegexOptions.Singleline)]
    private static partial Regex ExitCodeSentence { get; }
}
