namespace KlingFunctions.Local.Cli;

/// <summary>Builds commands that a person can paste as they are.</summary>
/// <param name="Program">The name under which this program was called.</param>
/// <param name="Url">The host from <c>--url</c>; null if not given. Its key is not repeated: messages end up in logs.</param>
internal sealed record Hints(string Program, string? Url = null)
{
    /// <summary>The whole command.</summary>
    public string For(string command) => Url is null ? $"{Program} {command}" : $"{Program} {command} --url {Url}";
}
