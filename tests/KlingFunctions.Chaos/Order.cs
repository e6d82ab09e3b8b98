using System.Text.Json;

namespace KlingFunctions.Chaos;

/// <summary>What a client knows of a job that it wants done.</summary>
/// <param name="number">Which of all orders it is.</param>
/// <param name="isUpload">Whether it is put into the inbox, not sent.</param>
internal sealed class Order(int number, bool isUpload = false)
{
    /// <summary>Whether it is put into the inbox, not sent.</summary>
    public bool IsUpload => isUpload;

    /// <summary>Its Idempotency-Key, or the name of its file.</summary>
    public string Key { get; } = $"order-{number}";

    /// <summary>By which the provider's account is searched for it.</summary>
    public string Prompt { get; } = $"Job {number}: @Image1 in the rain";

    /// <summary>The job's id, once the host has said 202, or the file lies in the inbox: from then on it must never be lost.</summary>
    public string? Id { get; set; }

    /// <summary>How many accepted submissions are right: one, and one more for each time that a person resubmitted though one was there.</summary>
    public int MayBePaid { get; set; } = 1;

    /// <summary>Whether somebody tried to cancel it.</summary>
    public bool CancelWished { get; set; }

    /// <summary>Whether it was ever seen in doubt.</summary>
    public bool WasInDoubt { get; set; }

    /// <summary>The resource as last seen.</summary>
    public JsonElement Seen { get; set; }

    public string Status => Seen.ValueKind is JsonValueKind.Undefined ? "" : Seen.GetProperty("status").GetString()!;

    public string? ErrorCode => Status is "failed" ? Seen.GetProperty("error").GetProperty("code").GetString() : null;

    public IReadOnlyList<string> Notifications =>
        Status.Length == 0 ? [] : [.. Seen.GetProperty("notifications").EnumerateArray().Select(n => n.GetProperty("state").GetString()!)];

    /// <summary>It failed in a way after which it goes on by itself, once somebody says so.</summary>
    public bool CanJustGoOn => ErrorCode is "image_unreachable" or "provider_auth" or "provider_balance" or "video_unreachable";

    public bool IsInDoubt => ErrorCode is "submission_in_doubt";

    /// <summary>Nothing more is to come: it has ended well, or was cancelled, and its receivers know.</summary>
    public bool IsSettled => Status is "succeeded" or "cancelled" && Notifications is { Count: > 0 } told && told.All(state => state is "delivered");
}
