using System.Text.Json;

namespace KlingFunctions.Chaos;

/// <summary>A client's view of one job.</summary>
/// <param name="number">The order's number.</param>
/// <param name="isUpload">Whether it is put into the inbox instead of being posted.</param>
internal sealed class Order(int number, bool isUpload = false)
{
    /// <summary>Whether it is put into the inbox instead of being posted.</summary>
    public bool IsUpload => isUpload;

    /// <summary>The Idempotency-Key, or the name of the file.</summary>
    public string Key { get; } = $"order-{number}";

    /// <summary>The prompt, by which the provider's account is searched.</summary>
    public string Prompt { get; } = $"Job {number}: @Image1 in the rain";

    /// <summary>The job's id, once the host answered 202 or the file is in the inbox. From then on the job must never be lost.</summary>
    public string? Id { get; set; }

    /// <summary>
    /// How many accepted submissions are right: one, plus one for each resubmission by a person although one was accepted.
    /// </summary>
    public int MayBePaid { get; set; } = 1;

    /// <summary>Whether a client tried to cancel it.</summary>
    public bool CancelRequested { get; set; }

    /// <summary>Whether the job was ever in doubt.</summary>
    public bool WasInDoubt { get; set; }

    /// <summary>The job's resource from the last answer.</summary>
    public JsonElement Seen { get; set; }

    public string Status => Seen.ValueKind is JsonValueKind.Undefined ? "" : Seen.GetProperty("status").GetString()!;

    public string? ErrorCode => Status is "failed" ? Seen.GetProperty("error").GetProperty("code").GetString() : null;

    public IReadOnlyList<string> Notifications =>
        Status.Length == 0 ? [] : [.. Seen.GetProperty("notifications").EnumerateArray().Select(n => n.GetProperty("state").GetString()!)];

    /// <summary>Whether it failed with an error after which a plain resume is enough.</summary>
    public bool CanJustGoOn => ErrorCode is "image_unreachable" or "provider_auth" or "provider_balance" or "video_unreachable";

    public bool IsInDoubt => ErrorCode is "submission_in_doubt";

    /// <summary>Whether it succeeded or was cancelled, and its receivers are notified.</summary>
    public bool IsSettled => Status is "succeeded" or "cancelled" && Notifications is { Count: > 0 } states && states.All(state => state is "delivered");
}
