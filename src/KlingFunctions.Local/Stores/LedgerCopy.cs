using System.Text.Json;
using System.Text.Json.Serialization;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Submitting;

namespace KlingFunctions.Local.Stores;

/// <summary>
/// A copy of the ledger beside the journal, with a folder for each job and a small file for each submission: a journal restored from a backup
/// has forgotten what was paid since, and its jobs continue. An entry belongs to one job, by the time of its start, because a lost journal
/// makes job ids free again.
/// </summary>
internal sealed partial class LedgerCopy(JournalDatabase database)
{
    private readonly string _folder = Path.Combine(database.Folder, "paid");

    /// <summary>The entry under this key, if it belongs to the job that the journal has now.</summary>
    public Submission? Find(string key)
    {
        if (!File.Exists(PathOf(key))) return null;
        try
        {
            var entry = JsonSerializer.Deserialize(File.ReadAllBytes(PathOf(key)), EntryJson.Default.Entry);
            return entry is not null && entry.JobStartedAt == JobStartedAt(key) ? new(key, entry.IntendedAt, entry.RequestId, entry.SubmittedAt, MayBeUnderWay: false) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes an entry as the journal has it. Not flushed: after a power cut the journal is as it was.</summary>
    public void Write(Submission submission)
    {
        if (JobStartedAt(submission.Key) is not { } startedAt) return;
        try
        {
            Directory.CreateDirectory(FolderOf(submission.Key));
            var written = PathOf(submission.Key) + ".tmp";
            File.WriteAllBytes(written, JsonSerializer.SerializeToUtf8Bytes(
                new(startedAt, submission.IntendedAt, submission.RequestId, submission.SubmittedAt), EntryJson.Default.Entry));
            File.Move(written, PathOf(submission.Key), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The journal has it; the copy is needed only if that is lost.
        }
    }

    /// <summary>Deletes the entries of a job.</summary>
    public void DeleteOf(string jobId)
    {
        try
        {
            if (Directory.Exists(FolderOf(jobId))) Directory.Delete(FolderOf(jobId), recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An entry of a deleted job belongs to no other.
        }
    }

    /// <summary>Deletes one entry.</summary>
    public void Delete(string key)
    {
        try
        {
            File.Delete(PathOf(key));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // At worst a submission that was refused counts as one in doubt, after a restore.
        }
    }

    private string FolderOf(string key) => Path.Combine(_folder, SubmissionKeys.JobIdOf(key));

    private string PathOf(string key) => Path.Combine(FolderOf(key), $"{key}.json");

    private DateTimeOffset? JobStartedAt(string key) => database.Read(db => db.Query(
        "SELECT created_at FROM instances WHERE id = $1", r => new DateTimeOffset(r.GetInt64(0), TimeSpan.Zero), SubmissionKeys.JobIdOf(key))) is [var at] ? at : null;

    internal sealed record Entry(DateTimeOffset JobStartedAt, DateTimeOffset IntendedAt, string? RequestId, DateTimeOffset? SubmittedAt);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = true)]
    [JsonSerializable(typeof(Entry))]
    internal sealed partial class EntryJson : JsonSerializerContext;
}
