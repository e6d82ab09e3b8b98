using System.Globalization;
using System.Text.Json;
using KlingFunctions.Contracts;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Infra;

/// <summary>The figures of docs/cost.md, held against recorded histories of Durable's runtime, the plan of polls and what is deployed.</summary>
public sealed class CostTests
{
    // The document's typical job: three minutes of generation, one receiver.
    private static readonly TimeSpan Generation = TimeSpan.FromMinutes(3);
    private const long Receivers = 1;

    // Those of the newest version: older ones stay there for jobs in flight.
    private static readonly string Histories = Directory.EnumerateDirectories(Repository.Path("tests/KlingFunctions.Tests/Histories"))
        .MaxBy(folder => int.Parse(Path.GetFileName(folder)[1..], CultureInfo.InvariantCulture))!;

    [Theory]
    [InlineData("succeeded.json")]
    [InlineData("watched-long.json")]
    public void What_a_job_asks_of_Durable_follows_the_formulas(string file)
    {
        var events = EventsOf(file);
        var job = new DurableWork(Count("taskScheduled", "Poll"), Count("taskScheduled", "Deliver"));

        Assert.Equal(job.Activities, Count("taskScheduled"));
        Assert.Equal(job.Timers, Count("timerCreated"));
        Assert.Equal(job.Turns, Count("orchestratorStarted"));
        Assert.Equal(job.Messages, Count("executionStarted") + Count("taskScheduled") + Count("taskCompleted") + Count("timerFired"));

        int Count(string kind, string? name = null) => events.Count(e => e.Kind == kind && (name is null || e.Name == name));
    }

    [Fact]
    public void Nothing_but_what_the_formulas_count_is_in_a_history()
    {
        string[] known = ["executionStarted", "orchestratorStarted", "orchestratorCompleted", "taskScheduled", "taskCompleted", "timerCreated", "timerFired"];
        Assert.Empty(EventsOf("succeeded.json").Concat(EventsOf("watched-long.json")).Select(e => e.Kind).Except(known));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(10)]
    [InlineData(30)]
    public void The_document_says_how_often_a_generation_is_polled(int minutes)
    {
        var polls = PollsIn(TimeSpan.FromMinutes(minutes));
        Assert.Equal(CostDocument.Row($"{minutes} min"), [polls.Min(), (long)Math.Round(polls.Average()), polls.Max()]);
    }

    [Fact]
    public void The_document_has_the_typical_job_and_what_comes_of_it_in_a_day()
    {
        var polls = (long)Math.Round(PollsIn(Generation).Average());
        var job = new DurableWork(polls, Receivers);
        Assert.Equal(CostDocument.Row("polls"), [polls]);
        PerDay("activities", job.Activities);
        PerDay("turns", job.Turns);
        PerDay("messages, or actions on the Scheduler", job.Messages);
        var queue = 3 * job.Messages;
        var table = (3 * job.Turns) + (3 * job.Instances) + 2 + 1 + Receivers;
        var blob = CostDocument.Row("in all, with its own webhook")[0];
        PerDay("queue operations", queue);
        PerDay("table operations", table);
        PerDay("Blob operations", blob);
        PerDay("requests to the storage account", queue + table + blob);
        PerDay("executions", 1 + job.Turns + job.Activities);
        PerDay("GB-s, if each runs alone", 2 * (1 + job.Turns + job.Activities));
    }

    [Fact]
    public void Idle_figures_are_those_of_the_queues_that_are_deployed()
    {
        var storage = JsonElement.Parse(Repository.Read("host.json")).GetProperty("extensions").GetProperty("durableTask").GetProperty("storageProvider");
        var partitions = storage.GetProperty("partitionCount").GetInt32();
        var rounds = (long)(TimeSpan.FromDays(1) / TimeSpan.Parse(storage.GetProperty("maxQueuePollingInterval").GetString()!, CultureInfo.InvariantCulture));

        Assert.Equal(CostDocument.Row("queue reads, by an instance that waits"), [(partitions + 1) * rounds]);
        // One read of the table and one renewal for each partition, every ten seconds: DurableTask.AzureStorage, LeaseAcquireInterval.
        Assert.Equal(CostDocument.Row("partition table, by an instance that waits"), [(partitions + 1) * 8_640L]);
    }

    private static void PerDay(string row, long perJob) => Assert.Equal(CostDocument.Row(row), [perJob, 1_000 * perJob, 1_000_000 * perJob]);

    /// <summary>The polls of a generation, for jobs of a thousand ids: the plan spreads them. Whoever asks is answered at once.</summary>
    private static IReadOnlyList<long> PollsIn(TimeSpan generation)
    {
        var pace = new PipelineOptions();
        var plan = new PollPlan(pace.PollMin, pace.PollMax);
        return [.. Enumerable.Range(0, 1_000).Select(n =>
        {
            var polls = 1L;
            for (var age = TimeSpan.Zero; age < generation; polls++) age += plan.DelayAfter(new(age, RequestState.Running), $"vid_{n}");
            return polls;
        })];
    }

    private static List<(string Kind, string? Name)> EventsOf(string file) =>
    [
        .. JsonElement.Parse(File.ReadAllText(Path.Combine(Histories, file))).GetProperty("runs").EnumerateArray()
            .SelectMany(run => run.GetProperty("events").EnumerateArray())
            .Select(e => e.EnumerateObject().Single(p => p.Value.ValueKind == JsonValueKind.Object))
            .Select(p => (p.Name, p.Value.TryGetProperty("name", out var name) ? name.GetString() : null)),
    ];

    /// <summary>What Durable does for a job that is polled so often and told to so many, by the formulas of the document.</summary>
    private sealed record DurableWork(long Polls, long Receivers)
    {
        private const int WaitsPerRun = 40;

        public long Timers => Polls - 1;

        public long Cuts => Timers / WaitsPerRun;

        public long Instances => 1 + Receivers;

        public long Activities => Polls + 4 + (2 * Receivers);

        public long Turns => Activities + Timers + Instances + Cuts;

        public long Messages => (2 * Activities) + Timers + Instances + Cuts;
    }
}
