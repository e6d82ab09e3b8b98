using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Simulator;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Benchmarks;

/// <summary>
/// A thousand to a million jobs that wait for RunComfy in one Local host: its memory, its use of CPU while nothing happens, and its start
/// after a kill. One job is really submitted; its rows in the journal are then copied under other ids.
/// </summary>
internal static class WaitingBenchmark
{
    private static readonly int[] Sizes = [1_000, 10_000, 100_000, 1_000_000];
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    /// <summary>Prints a table; returns the memory with a million waiting jobs as a share of that with a thousand.</summary>
    public static async Task<double> RunAsync()
    {
        await using var runComfy = await SimulatorHost.StartAsync(new() { NeverFinishes = true, Slots = 1 });
        var data = Directory.CreateTempSubdirectory("kling-waiting-");
        var id = await HandInAsync(data.FullName, runComfy.BaseUrl);
        Console.WriteLine($"{"waiting",10}   journal    memory   idle   back after a kill");
        var memory = new List<double>();
        var waiting = 1;
        foreach (var size in Sizes)
        {
            CopyJob(data.FullName, id, waiting, size);
            waiting = size;
            memory.Add(await MeasureAsync(data.FullName, runComfy.BaseUrl, size));
        }
        data.Delete(recursive: true);
        return memory[^1] / memory[0];
    }

    private static async Task<string> HandInAsync(string data, Uri runComfy)
    {
        await using var host = await LocalProcess.StartAsync(data, runComfy, ("Pipeline:PollMin", "01:00:00"), ("Pipeline:PollMax", "01:00:00"));
        var request = new JsonObject { ["prompt"] = "A walk", ["image_urls"] = new JsonArray(new Uri(runComfy, "/simulator/images/valley.webp").AbsoluteUri) };
        using var answer = await host.Http.PostAsJsonAsync(new Uri("/api/videos", UriKind.Relative), request);
        var id = (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        await Patience.UntilAsync(() => IsResting(data, id), "the job waits for RunComfy");
        return id;
    }

    /// <summary>Whether the job waits for its next poll, which is an hour away.</summary>
    private static bool IsResting(string data, string id)
    {
        using var journal = Open(data);
        using var query = journal.CreateCommand();
        query.CommandText = "SELECT count(*) FROM instances WHERE id = $id AND due_at > $later";
        query.Parameters.AddWithValue("$id", id);
        query.Parameters.AddWithValue("$later", DateTimeOffset.UtcNow.AddMinutes(30).UtcTicks);
        return (long)query.ExecuteScalar()! > 0;
    }

    private static SqliteConnection Open(string data)
    {
        var journal = new SqliteConnection($"Data Source={Path.Combine(data, "journal.db")};Pooling=False");
        journal.Open();
        return journal;
    }

    private static void CopyJob(string data, string id, int from, int to)
    {
        using var journal = Open(data);
        using var copy = journal.CreateCommand();
        copy.CommandText = """
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT $from UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $to) SELECT printf('copy-%07d', i) AS id FROM n;
            INSERT INTO instances (id, workflow, input, trace, created_at, started_at, due_at, status)
                SELECT n.id, workflow, input, trace, created_at, started_at, due_at, status FROM numbers n, instances WHERE instances.id = $id ORDER BY n.id;
            INSERT INTO history (instance, place, kind, task, name, value, at)
                SELECT n.id, place, kind, task, name, value, at FROM numbers n CROSS JOIN history WHERE instance = $id ORDER BY n.id, place;
            DROP TABLE numbers;
            COMMIT;
            PRAGMA wal_checkpoint(TRUNCATE);
            """;
        copy.Parameters.AddWithValue("$from", from);
        copy.Parameters.AddWithValue("$to", to);
        copy.Parameters.AddWithValue("$id", id);
        copy.ExecuteNonQuery();
    }

    private static async Task<double> MeasureAsync(string data, Uri runComfy, int size)
    {
        double memory, idle;
        await using (var host = await LocalProcess.StartAsync(data, runComfy))
        {
            await LookAsync(host, size);
            // The runtime recompiles what the start ran often: that is no cost of waiting.
            await Task.Delay(Idle);
            var (clock, cpu) = (Stopwatch.StartNew(), host.Cpu);
            await Task.Delay(Idle);
            idle = (host.Cpu - cpu) / clock.Elapsed;
            memory = host.Memory / 1024.0 / 1024;
            // Disposing kills the host.
        }
        var back = Stopwatch.StartNew();
        await using (var again = await LocalProcess.StartAsync(data, runComfy)) await LookAsync(again, size);
        var journal = new FileInfo(Path.Combine(data, "journal.db")).Length / 1024.0 / 1024;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{size,10:N0}   {journal,7:F0} MiB {memory,5:F0} MiB {idle,6:P1} {back.Elapsed.TotalSeconds,6:F1} s"));
        return memory;
    }

    /// <summary>Reads one of the jobs, and lists the newest.</summary>
    private static async Task LookAsync(LocalProcess host, int size)
    {
        await host.Http.GetStringAsync(new Uri($"/api/videos/copy-{size - 1:D7}", UriKind.Relative));
        await host.Http.GetStringAsync(new Uri("/api/videos?limit=25", UriKind.Relative));
    }
}
