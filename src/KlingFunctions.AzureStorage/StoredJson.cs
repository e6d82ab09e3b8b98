using System.Text.Json.Serialization;

namespace KlingFunctions.AzureStorage;

/// <summary>JSON of the ledger.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LedgerEntry))]
internal sealed partial class StoredJson : JsonSerializerContext;

/// <summary>One submission in the ledger.</summary>
/// <param name="Nonce">Identifies the intent's writer: no two calls have the same.</param>
/// <param name="IntendedAt">When the intent was created, before the paid POST (UTC).</param>
/// <param name="RequestId">RunComfy's id.</param>
/// <param name="SubmittedAt">When the id was recorded (UTC).</param>
internal sealed record LedgerEntry(Guid Nonce, DateTimeOffset IntendedAt, string? RequestId = null, DateTimeOffset? SubmittedAt = null);
