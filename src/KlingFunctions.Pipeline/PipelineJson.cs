using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using KlingFunctions.Pipeline.Diagnosis;
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

/// <summary>The JSON format on the wire and in the history: snake_case, null values omitted.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SnakeCaseEnum<JobStatus>), typeof(SnakeCaseEnum<DeliveryState>), typeof(SnakeCaseEnum<Stage>), typeof(SnakeCaseEnum<Payment>),
        typeof(SnakeCaseEnum<SubmitResult>), typeof(SnakeCaseEnum<PollResult>), typeof(SnakeCaseEnum<CancelOutcome>),
        typeof(SnakeCaseEnum<CheckState>), typeof(SnakeCaseEnum<BatchStatus>)])]
[JsonSerializable(typeof(VideoJob))]
[JsonSerializable(typeof(JobState))]
[JsonSerializable(typeof(Notification))]
[JsonSerializable(typeof(NotificationState))]
[JsonSerializable(typeof(Delivery))]
[JsonSerializable(typeof(DeliveryOutcome))]
[JsonSerializable(typeof(Permit))]
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
[JsonSerializable(typeof(BatchItemEnd))]
[JsonSerializable(typeof(UploadFailure))]
[JsonSerializable(typeof(AcceptedUpload))]
[JsonSerializable(typeof(StoredFile))]
[JsonSerializable(typeof(Checkpoint))]
[JsonSerializable(typeof(Subscription))]
[JsonSerializable(typeof(DeadLetter))]
[JsonSerializable(typeof(VideoResource))]
[JsonSerializable(typeof(VideoPage))]
[JsonSerializable(typeof(VideoCounts))]
[JsonSerializable(typeof(BatchResource))]
[JsonSerializable(typeof(BatchAnswer))]
[JsonSerializable(typeof(BulkRequest))]
[JsonSerializable(typeof(BulkAnswer))]
[JsonSerializable(typeof(ContentLink))]
[JsonSerializable(typeof(Asset))]
[JsonSerializable(typeof(ValidationResult))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(ResumeRequest))]
[JsonSerializable(typeof(SubscriptionRequest))]
[JsonSerializable(typeof(SubscriptionResource))]
[JsonSerializable(typeof(SubscriptionList))]
[JsonSerializable(typeof(DeadLetterList))]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(Checkup))]
[JsonSerializable(typeof(WebhookBody))]
[JsonSerializable(typeof(BatchWebhookBody))]
[JsonSerializable(typeof(JsonNode))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(bool))]
public sealed partial class PipelineJson : JsonSerializerContext;

/// <summary>The JSON format of internal documents. A missing property is an error, not an empty list.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Places))]
[JsonSerializable(typeof(SpentDay))]
[JsonSerializable(typeof(ResumeClaim))]
[JsonSerializable(typeof(Batch))]
[JsonSerializable(typeof(RunTimes))]
internal sealed partial class StoredJson : JsonSerializerContext;

/// <summary>Writes an enum's members in snake_case.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>The JSON word of an enum's member, for use outside JSON: a query, a sentence, a column.</summary>
public static class JsonWord
{
    /// <summary>The member in snake_case.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
