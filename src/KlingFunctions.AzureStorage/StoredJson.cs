using System.Text.Json.Serialization;

namespace KlingFunctions.AzureStorage;

/// <summary>How the ledger is written.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LedgerEntry))]
internal sealed partial class StoredJson : JsonSerializerContext;

/// <summary>A submission as the ledger keeps it.</summary>
/// <param name="Nonce">Tells whose intent it is: no two calls have the same.</param>
/// <param name="IntendedAt">When the intent was written, before the paid POST (UTC).</param>
/// <param name="RequestId">RunComfy's id.</param>
/// <param name="SubmittedAt">When the id was written (UTC).</param>
internal sealed record LedgerEntry(Guid Nonce, DateTimeOffset IntendedAt, string? RequestId = null, DateTimeOffset? SubmittedAt = null);
