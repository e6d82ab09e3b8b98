using System.Diagnostics.CodeAnalysis;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// The hosts that results may be downloaded from. A pattern is a host name, or <c>*.</c> and a host name, which matches every host below
/// that name but not the name itself. Case and ports are ignored.
/// </summary>
internal sealed class ResultHosts
{
    private readonly string[] _patterns;

    private ResultHosts(string[] patterns) => _patterns = patterns;

    /// <summary>Reads patterns separated by semicolons.</summary>
    /// <param name="text">For example <c>*.runcomfy.net;*.runcomfy.com</c>.</param>
    /// <param name="hosts">The patterns, if valid.</param>
    /// <param name="fault">The fault, as a clause to follow the name of the setting, if not.</param>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ResultHosts? hosts, [NotNullWhen(false)] out string? fault)
    {
        hosts = null;
        string[] patterns = (text ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (patterns.Length == 0)
        {
            fault = "names no host";
            return false;
        }

        if (patterns.FirstOrDefault(p => !IsHost(p.StartsWith("*.", StringComparison.Ordinal) ? p[2..] : p)) is { } bad)
        {
            fault = $"has the entry \"{bad}\", which is neither a host name nor *. and a host name";
            return false;
        }

        hosts = new ResultHosts(patterns);
        fault = null;
        return true;
    }

    /// <summary>Whether results may be downloaded from this host.</summary>
    /// <param name="host">A host name without a port, as <see cref="Uri.IdnHost"/> gives it.</param>
    public bool Include(string host) => Array.Exists(_patterns, pattern =>
        pattern[0] != '*'
            ? host.Equals(pattern, StringComparison.OrdinalIgnoreCase)
            // The dot stays part of the comparison: without it evilruncomfy.net would pass for a sub-domain.
            : host.Length >= pattern.Length && host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase));

    private static bool IsHost(string text) => Uri.CheckHostName(text) != UriHostNameType.Unknown;
}
