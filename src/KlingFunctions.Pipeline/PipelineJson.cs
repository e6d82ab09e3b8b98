using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Pipeline;

/// <summary>How everything is written as JSON, on the wire and in the history: snake_case, nothing for null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SnakeCaseEnum<JobStatus>), typeof(SnakeCaseEnum<DeliveryState>), typeof(SnakeCaseEnum<Station>),
        typeof(SnakeCaseEnum<SubmitResult>), typeof(SnakeCaseEnum<PollResult>), typeof(SnakeCaseEnum<CancelOutcome>)])]
[JsonSerializable(typeof(VideoJob))]
[JsonSerializable(typeof(JobState))]
[JsonSerializable(typeof(Notification))]
[JsonSerializable(typeof(NotificationState))]
[JsonSerializable(typeof(Delivery))]
[JsonSerializable(typeof(DeliveryOutcome))]
[JsonSerializable(typeof(Turn))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(ImagesChecked))]
[JsonSerializable(typeof(SubmitInput))]
[JsonSerializable(typeof(SubmitOutcome))]
[JsonSerializable(typeof(PollInput))]
[JsonSerializable(typeof(PollOutcome))]
[JsonSerializable(typeof(CancelOutcome))]
[JsonSerializable(typeof(StoreInput))]
[JsonSerializable(typeof(StoreOutcome))]
[JsonSerializable(typeof(ReceiversInput))]
[JsonSerializable(typeof(IReadOnlyList<Receiver>))]
[JsonSerializable(typeof(UploadFailure))]
[JsonSerializable(typeof(TakenUpload))]
[JsonSerializable(typeof(StoredFile))]
[JsonSerializable(typeof(Checkpoint))]
[JsonSerializable(typeof(Subscription))]
[JsonSerializable(typeof(DeadLetter))]
[JsonSerializable(typeof(VideoResource))]
[JsonSerializable(typeof(VideoPage))]
[JsonSerializable(typeof(ValidationResult))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(ResumeWish))]
[JsonSerializable(typeof(SubscriptionRequest))]
[JsonSerializable(typeof(SubscriptionResource))]
[JsonSerializable(typeof(SubscriptionList))]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(WebhookBody))]
[JsonSerializable(typeof(JsonNode))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(bool))]
public sealed partial class PipelineJson : JsonSerializerContext;

/// <summary>How documents are written that no client sees. A missing property is an error, not an empty list.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Places))]
[JsonSerializable(typeof(ResumeClaim))]
internal sealed partial class StoredJson : JsonSerializerContext;

/// <summary>Writes an enum's members in snake_case.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>The word that an enum's member is in JSON, for where it is not in JSON: a query, a sentence, a column.</summary>
public static class JsonWord
{
    /// <summary>The member in snake_case.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
