namespace KlingFunctions.Pipeline.Documents;

/// <summary>A document as it was read.</summary>
/// <param name="Text">Its content.</param>
/// <param name="Version">Changes with each write, and never comes again.</param>
public sealed record Document(string Text, string Version);

/// <summary>
/// Small documents by name, such as <c>subscriptions/sub_1.json</c>: letters, digits, <c>_ - . ~</c>, and <c>/</c> between segments. On Azure the
/// first segment is the container. A completed write is durable.
/// </summary>
public interface IDocuments
{
    /// <summary>The document of this name; null if there is none.</summary>
    Task<Document?> ReadAsync(string name, CancellationToken cancellationToken);

    /// <summary>Writes a document if nobody has written it since it was read.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="text">Its new content.</param>
    /// <param name="version">The version that is replaced; null: there is none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// The new version; null if another one is there. That may be this very write: if its answer is lost, the client repeats it, and meets it.
    /// </returns>
    Task<string?> TryWriteAsync(string name, string text, string? version, CancellationToken cancellationToken);

    /// <summary>Deletes a document.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="version">The only version that is deleted; null: any.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False if it is not there, or in another version.</returns>
    Task<bool> DeleteAsync(string name, string? version, CancellationToken cancellationToken);

    /// <summary>The names that begin so, in ordinal order. The prefix holds the whole first segment.</summary>
    IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken);
}
