using KlingFunctions.Local.Journal;

namespace KlingFunctions.Local.Tests.Attack;

/// <summary>A disk with no room for one more page of the journal, until there is.</summary>
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
                // A write may still fit where others have left gaps. What is too large for any of them does not.
                return;
            }
        }
    }

    public static Task MakeRoomAsync(JournalDatabase journal) =>
        journal.WriteAsync(db => db.Query($"PRAGMA max_page_count = {Plenty}", r => r.GetInt64(0)));
}
