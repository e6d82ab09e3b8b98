using KlingFunctions.Local.Journal;
using KlingFunctions.Local.Stores;

namespace KlingFunctions.Local.Tests.Stores;

/// <summary>A journal restored from a backup has forgotten what was paid after the backup.</summary>
public sealed class RestoredLedgerTests : IDisposable
{
    private const string Job = "vid_00000000000000000000000000000001";

    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kling-restored-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Journal => Path.Combine(_folder.FullName, "journal.db");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(Job)]
    [InlineData(Job + "~2")]
    [InlineData(Job + ".1")]
    public async Task Job_that_was_paid_after_the_backup_is_not_paid_again(string key)
    {
        await WithAsync(database => StartAsync(database, Start));
        File.Copy(Journal, Journal + ".backup");
        await WithAsync(async database =>
        {
            var ledger = new SqliteLedger(database);
            Assert.True(await ledger.TryIntendAsync(key, Start.AddSeconds(5), Cancel));
            await ledger.RecordAsync(key, "req-1", Start.AddSeconds(6), Cancel);
        });
        File.Move(Journal + ".backup", Journal, overwrite: true);
        await WithAsync(async database =>
        {
            var paid = await new SqliteLedger(database).FindAsync(key, Cancel);
            Assert.Equal(("req-1", Start.AddSeconds(6)), (paid?.RequestId, paid?.SubmittedAt));
        });
        // From then on the journal has it too.
        Directory.Delete(Path.Combine(_folder.FullName, "paid"), recursive: true);
        await WithAsync(async database =>
        {
            var paid = await new SqliteLedger(database).FindAsync(key, Cancel);
            Assert.Equal(("req-1", Start.AddSeconds(6)), (paid?.RequestId, paid?.SubmittedAt));
        });
    }

    [Fact]
    public async Task Submission_without_an_answer_is_in_doubt_after_a_restore_and_a_refused_one_is_not()
    {
        await WithAsync(database => StartAsync(database, Start));
        File.Copy(Journal, Journal + ".backup");
        await WithAsync(async database =>
        {
            var ledger = new SqliteLedger(database);
            await ledger.TryIntendAsync(Job, Start, Cancel);
            await ledger.TryIntendAsync($"{Job}.1", Start, Cancel);
            await ledger.WithdrawAsync($"{Job}.1", Start, Cancel);
        });
        File.Move(Journal + ".backup", Journal, overwrite: true);
        await WithAsync(async database =>
        {
            var ledger = new SqliteLedger(database);
            Assert.Equal((Start, null), (await ledger.FindAsync(Job, Cancel) is { } entry ? (entry.IntendedAt, entry.RequestId) : default));
            Assert.Null(await ledger.FindAsync($"{Job}.1", Cancel));
        });
    }

    [Fact]
    public async Task Another_job_under_the_id_of_a_lost_or_deleted_one_has_paid_nothing()
    {
        await WithAsync(async database =>
        {
            await StartAsync(database, Start);
            await new SqliteLedger(database).RecordAsync(Job, "req-1", Start, Cancel);
        });
        File.Delete(Journal);
        await WithAsync(async database =>
        {
            await StartAsync(database, Start.AddDays(1));
            var ledger = new SqliteLedger(database);
            Assert.Null(await ledger.FindAsync(Job, Cancel));
            await ledger.RecordAsync(Job, "req-2", Start, Cancel);
            await ledger.ForgetAsync(Job, Cancel);
            Assert.Null(await ledger.FindAsync(Job, Cancel));
        });
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_folder.FullName, "paid")));
    }

    private static Task<bool> StartAsync(JournalDatabase database, DateTimeOffset at) =>
        new InstanceStore(database).StartAsync("GenerateVideo", Job, "{}", null, at, replaceEnded: false);

    private async Task WithAsync(Func<JournalDatabase, Task> use)
    {
        await using var database = new JournalDatabase(_folder.FullName);
        await use(database);
    }
}
