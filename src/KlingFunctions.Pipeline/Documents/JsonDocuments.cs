using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KlingFunctions.Pipeline.Documents;

/// <summary>The value of a document with its version.</summary>
/// <param name="Value">The value.</param>
/// <param name="Version">The version.</param>
public sealed record Versioned<T>(T Value, string Version);

/// <summary>Reads and writes values as JSON documents.</summary>
public static class JsonDocuments
{
    private const int ReadsAtOnce = 8;

    /// <summary>The value of a document; null if there is none.</summary>
    /// <exception cref="JsonException">The document is not such a value.</exception>
    public static async Task<Versioned<T>?> ReadAsync<T>(this IDocuments documents, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        await documents.ReadAsync(name, cancellationToken) is { } there
            ? new(JsonSerializer.Deserialize(there.Text, type) ?? throw new JsonException($"The document '{name}' is null."), there.Version)
            : null;

    /// <inheritdoc cref="IDocuments.TryWriteAsync"/>
    public static Task<string?> TryWriteAsync<T>(
        this IDocuments documents, string name, T value, JsonTypeInfo<T> type, string? version, CancellationToken cancellationToken) =>
        documents.TryWriteAsync(name, JsonSerializer.Serialize(value, type), version, cancellationToken);

    /// <summary>
    /// Writes a value that is unique to this caller, because it contains a nonce: a write whose answer was lost is recognised.
    /// </summary>
    /// <returns>False if the document has another value.</returns>
    public static async Task<bool> TryWriteOwnAsync<T>(
        this IDocuments documents, string name, T value, JsonTypeInfo<T> type, string? version, CancellationToken cancellationToken)
    {
        var text = JsonSerializer.Serialize(value, type);
        return await documents.TryWriteAsync(name, text, version, cancellationToken) is not null
            || (await documents.ReadAsync(name, cancellationToken))?.Text == text;
    }

    /// <summary>Every value below a prefix, in the order of their names. Unreadable ones are skipped.</summary>
    public static async Task<IReadOnlyList<T>> ReadAllAsync<T>(
        this IDocuments documents, string prefix, JsonTypeInfo<T> type, Action<string, JsonException> unreadable, CancellationToken cancellationToken)
        where T : class
    {
        var names = await documents.ListAsync(prefix, cancellationToken).ToListAsync(cancellationToken);
        var values = new T?[names.Count];
        await Parallel.ForAsync(0, names.Count, new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellationToken }, async (i, cancellationToken) =>
        {
            try
            {
                // Null if it was deleted meanwhile.
                values[i] = (await documents.ReadAsync(names[i], type, cancellationToken))?.Value;
            }
            catch (JsonException e)
            {
                unreadable(names[i], e);
            }
        });
        return [.. values.OfType<T>()];
    }
}
