using System.Globalization;

namespace KlingFunctions.Pipeline.Submitting;

/// <summary>
/// The ledger's keys of one job: the job's id, with <c>.N</c> for a resubmission by a person, and <c>~N</c> for one by the setting.
/// </summary>
public static class SubmissionKeys
{
    /// <summary>The most keys that a run uses. After the last, a person decides.</summary>
    internal const int MostInARun = 3;

    /// <summary>The job that a key belongs to.</summary>
    public static string JobIdOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Split('.', '~')[0];
    }

    /// <summary>The key of a run's nth submission, from 1.</summary>
    internal static string Of(string runKey, int n) => n == 1 ? runKey : string.Create(CultureInfo.InvariantCulture, $"{runKey}~{n}");

    /// <summary>The key of the resubmission that a person decided on.</summary>
    internal static string OfResubmission(string jobId, int run) => string.Create(CultureInfo.InvariantCulture, $"{jobId}.{run}");

    /// <summary>A submission of the job that was paid, under the key of this run or of any earlier one: its answer may have come late.</summary>
    internal static async Task<Submission?> FindPaidAsync(ISubmissionLedger ledger, string jobId, string runKey, CancellationToken cancellationToken)
    {
        foreach (var key in EarlierRunsOf(jobId, runKey).Append(runKey))
        {
            for (var n = 1; n <= MostInARun; n++)
            {
                if (await ledger.FindAsync(Of(key, n), cancellationToken) is { RequestId: not null } paid) return paid;
            }
        }
        return null;
    }

    /// <summary>Whether a person decided on this submission, after others of the job were in doubt.</summary>
    internal static bool IsResubmission(string jobId, string runKey) => runKey != jobId;

    private static IEnumerable<string> EarlierRunsOf(string jobId, string runKey) =>
        runKey.Length > jobId.Length + 1 && int.TryParse(runKey.AsSpan(jobId.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var run)
            ? Enumerable.Range(0, run).Select(earlier => earlier == 0 ? jobId : OfResubmission(jobId, earlier))
            : [];
}
