using System.Text.Json;
using KlingFunctions.Pipeline.Documents;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.Pipeline.Notifying;

/// <summary>A notification that was given up.</summary>
/// <param name="NotificationId">The instance id of its workflow, which <c>redeliver</c> starts again.</param>
/// <param name="JobId">The job.</param>
/// <param name="Receiver">The receiver's host.</param>
/// <param name="Reason">Why the last try failed, without secrets.</param>
/// <param name="Body">The body that was to be delivered.</param>
/// <param name="At">When it was given up (UTC).</param>
/// <param name="Since">When its round of tries began (UTC).</param>
public sealed record DeadLetter(
    string NotificationId, string JobId, string Receiver, string Reason, string Body, DateTimeOffset At, DateTimeOffset? Since = null);

/// <summary>The store of notifications that were given up.</summary>
public sealed partial class DeadLetters(IDocuments documents, ILogger<DeadLetters> logger)
{
    private const string Prefix = "dead-letters/";

    /// <summary>Stores a dead letter, durably, in place of an older one of the same notification.</summary>
    /// <returns>False if a former run of the same step has stored it.</returns>
    public async Task<bool> AddAsync(DeadLetter letter, CancellationToken cancellationToken)
    {
        var name = NameOf(letter.NotificationId);
        var older = await documents.ReadAsync(name, cancellationToken);
        if (older is not null && letter.Since is not null && SinceOf(older) == letter.Since) return false;
        // A conflict means that another run of the same step stored the same letter.
        return await documents.TryWriteAsync(name, letter, PipelineJson.Default.DeadLetter, older?.Version, cancellationToken) is not null;
    }

    /// <summary>Deletes the letter of a notification that was delivered later. Idempotent.</summary>
    public Task RemoveAsync(string notificationId, CancellationToken cancellationToken) =>
        documents.DeleteAsync(NameOf(notificationId), version: null, cancellationToken);

    /// <summary>Deletes the letters of a job.</summary>
    public async Task RemoveOfJobAsync(string jobId, CancellationToken cancellationToken)
    {
        await foreach (var name in documents.ListAsync(Prefix + Notify.IdsBeginWith(jobId), cancellationToken))
            await documents.DeleteAsync(name, version: null, cancellationToken);
    }

    /// <summary>Every dead letter, newest first.</summary>
    public async Task<IReadOnlyList<DeadLetter>> ListAsync(CancellationToken cancellationToken) =>
    [
        .. (await documents.ReadAllAsync(Prefix, PipelineJson.Default.DeadLetter, TellUnreadable, cancellationToken)).OrderByDescending(letter => letter.At),
    ];

    private static string NameOf(string notificationId) => $"{Prefix}{notificationId}.json";

    private static DateTimeOffset? SinceOf(Document document)
    {
        try
        {
            return JsonSerializer.Deserialize(document.Text, PipelineJson.Default.DeadLetter)?.Since;
        }
        catch (JsonException)
        {
            // An unreadable letter is overwritten.
            return null;
        }
    }

    private void TellUnreadable(string name, JsonException e) => LogUnreadable(logger, name, e.Message);

    [LoggerMessage(LogLevel.Error, "The dead letter {Name} can't be read and is skipped: delete it when you have looked at it. {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string name, string reason);
}
