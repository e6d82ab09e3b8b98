using System.Globalization;

namespace KlingFunctions.Benchmarks.Engine;

/// <summary>CPU time of a process with its children. PostgreSQL runs a process for each connection.</summary>
internal static class ProcessTree
{
    /// <summary>Linux counts the times in <c>/proc</c> in hundredths of a second on each of its platforms.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    /// <summary>User and system time so far, with that of children that have ended.</summary>
    public static TimeSpan Cpu(int root)
    {
        var all = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _))
            .Select(pid => Read(pid!)).OfType<Row>().ToList();
        var children = all.ToLookup(row => row.Parent);
        return Tick * Sum(all.Single(row => row.Id == root));

        long Sum(Row row) => row.Ticks + children[row.Id].Sum(Sum);
    }

    private static Row? Read(string pid)
    {
        try
        {
            // After the name in parentheses, which may contain spaces: the state, the parent, ..., then utime, stime, cutime and cstime.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return new(int.Parse(pid, CultureInfo.InvariantCulture), Number(fields[1]), fields[11..15].Sum(Number));
        }
        catch (IOException)
        {
            // The process has ended meanwhile.
            return null;
        }

        static int Number(string field) => int.Parse(field, CultureInfo.InvariantCulture);
    }

    private sealed record Row(int Id, int Parent, long Ticks);
}
