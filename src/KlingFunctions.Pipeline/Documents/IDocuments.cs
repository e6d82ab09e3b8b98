namespace KlingFunctions.Pipeline.Documents;

/// <summary>A document as it was read.</summary>
/// <param name="Text">Its content.</param>
/// <param name="Version">Changes with each write, and never repeats.</param>
public sealed record Document(string Text, string Version);

/// <summary>
/// Small documents by name, such as <c>subscriptions/sub_1.json</c>: letters, digits, <c>_ - . ~</c>, and <c>/</c> between segments. On Azure the
/// first segment is the container. A completed write is durable.
/// </summary>
public interface IDocuments
{
    /// <summary>The document of this name; null if there is none.</summary>
    Task<Document?> ReadAsync(string name, CancellationToken cancellationToken);

    /// <summary>Writes a document unless another write came after the read of this version.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="text">Its new content.</param>
    /// <param name="version">The version to replace; null: the document must not exist.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// The new version; null on a conflict. The conflict may be with this very write, if its answer was lost and the client repeated it.
    /// </returns>
    Task<string?> TryWriteAsync(string name, string text, string? version, CancellationToken cancellationToken);

    /// <summary>Deletes a document.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="version">The only version to delete; null: any.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False if it does not exist, or has another version.</returns>
    Task<bool> DeleteAsync(string name, string? version, CancellationToken cancellationToken);

    /// <summary>The names with this prefix, in ordinal order. The prefix includes the whole first segment.</summary>
    IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken);
}
