using KlingFunctions.Local.Journal;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>A disk without room for another page of the journal, until it is freed.</summary>
internal static class FullDisk
{
    private const int Plenty = 1_000_000;

    public static async Task FillAsync(JournalDatabase journal)
    {
        await journal.WriteAsync(db => db.Execute("CREATE TABLE IF NOT EXISTS ballast (bytes BLOB)"));
        await journal.WriteAsync(db => db.Query("PRAGMA max_page_count = 1", r => r.GetInt64(0))); // Not below what is used already.
        while (true)
        {
            try
            {
                await journal.WriteAsync(db => db.Execute("INSERT INTO ballast VALUES (zeroblob(300))"));
            }
            catch (JournalException)
            {
                // Small writes may still fit into free pages; this one is too large for them.
                return;
            }
        }
    }

    public static Task MakeRoomAsync(JournalDatabase journal) =>
        journal.WriteAsync(db => db.Query($"PRAGMA max_page_count = {Plenty}", r => r.GetInt64(0)));
}
