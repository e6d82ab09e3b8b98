using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Local.Tests;
using KlingFunctions.Simulator;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Fuzz;

/// <summary>Damaged rows only affect their own jobs: the others continue, and nothing is paid twice.</summary>
public sealed class JournalAttacks
{
    private const int Victims = 10;

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 8, 0, 0, TimeSpan.Zero));

    private static readonly string[] Numbers = ["9223372036854775807", "-9223372036854775808", "-1", "0", "99", "2147483648", "'text'", "x'00FF'", "1.5e300"];
    private static readonly string[] Texts = ["''", "'null'", "'{}'", "'[]'", "'{'", "'Submit'", "'\"x\"'", "x'C328'", "char(0)", "123"];

    [Fact]
    public async Task Damaged_history_ends_at_most_its_own_job() => await Barrage.RunAsync(1, async random =>
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.FromSeconds(3), Slots = 100 }, _time, cancellationToken: TestContext.Current.CancellationToken);
        var host = await LocalHostUnderTest.StartAsync(Scene.SettingsFor(runComfy), _time);
        await using var scene = new Scene(host, runComfy, await WebhookReceiver.StartAsync());
        var jobs = new List<string>();
        for (var n = 0; n <= Victims; n++) jobs.Add(await scene.SubmitAsync());
        foreach (var job in jobs) await scene.UntilAsync(job, "in_progress");

        using (var journal = new SqliteConnection($"Data Source={Path.Combine(Path.GetDirectoryName(host.Inbox)!, "journal.db")};Pooling=False"))
        {
            await journal.OpenAsync(TestContext.Current.CancellationToken);
            foreach (var victim in jobs.Skip(1))
            {
                using var change = journal.CreateCommand();
                change.CommandText = Tampering(random, victim);
                await change.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            }
        }
        await host.KillAsync();

        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(jobs[0])));
        var another = await scene.SubmitAsync();
        Assert.Equal("succeeded", Scene.StatusOf(await scene.EndAsync(another)));
        foreach (var victim in jobs.Skip(1)) Assert.NotEmpty(Scene.StatusOf(await scene.GetAsync(victim)));
        using var list = await scene.Http.GetAsync(new Uri("/api/videos?limit=100", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(Victims + 2, (await Scene.JsonOf(list)).GetProperty("videos").GetArrayLength());
        Assert.Equal(Victims + 2, scene.RunComfy.Account.AcceptedCount);
    });

    private static string Tampering(Random random, string job)
    {
        string Of(string[] values) => values[random.Next(values.Length)];
        var place = $"WHERE instance = '{job}' AND place = (SELECT max(place) FROM history WHERE instance = '{job}') - {random.Next(3)}";
        return random.Next(9) switch
        {
            0 => $"UPDATE history SET kind = {Of(Numbers)} {place}",
            1 => $"UPDATE history SET task = {Of(Numbers)} {place}",
            2 => $"UPDATE history SET name = {Of(Texts)} {place}",
            3 => $"UPDATE history SET value = {Of(Texts)} {place}",
            4 => $"UPDATE history SET at = {Of(Numbers)} {place}",
            5 => $"DELETE FROM history {place}",
            6 => $"UPDATE instances SET due_at = {Of(Numbers)} WHERE id = '{job}'",
            7 => $"UPDATE submissions SET request_id = {Of(Texts)}, submitted_at = {Of(Numbers)} WHERE key = '{job}'",
            _ => $"INSERT INTO inbox (instance, name) VALUES ('{job}', {Of(Texts)})",
        };
    }
}
