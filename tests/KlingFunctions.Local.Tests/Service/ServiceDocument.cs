using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests;

namespace KlingFunctions.Local.Tests.Service;

/// <summary>The unit and the commands of <c>docs/service.md</c>, for tests.</summary>
internal static class ServiceDocument
{
    private static string Text { get; } = File.ReadAllText(RepositoryFiles.PathOf("docs/service.md"));

    /// <summary>The systemd unit.</summary>
    public static string Unit { get; } = Block("ini", _ => true);

    /// <summary>The commands for a backup.</summary>
    public static string Backup { get; } = Block("sh", block => block.Contains("sqlite3", StringComparison.Ordinal));

    /// <summary>The commands for a restore.</summary>
    public static string Restore { get; } = Block("sh", block => block.StartsWith("rm ", StringComparison.Ordinal));

    /// <summary>The value of a setting of the unit.</summary>
    public static string Of(string setting) => Regex.Match(Unit, $"(?m)^{setting}=(.+)$").Groups[1].Value;

    private static string Block(string language, Func<string, bool> wanted) =>
        Regex.Matches(Text, $"```{language}\n(.*?)```", RegexOptions.Singleline).Select(block => block.Groups[1].Value).Single(wanted);
}
