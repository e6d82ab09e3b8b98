using System.Globalization;
using System.Text.Json;
using KlingFunctions.ComplianceTests;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Infra;

/// <summary>
/// The figures of docs/cost.md, compared with recorded histories of Durable's runtime, the plan of polls and the deployment.
/// </summary>
public sealed class CostTests
{
    // The document's typical job: three minutes of generation, one receiver.
    private static readonly TimeSpan Generation = TimeSpan.FromMinutes(3);
    private const long Receivers = 1;

    // The histories of the newest version. Older ones stay for jobs in flight.
    private static readonly string Histories = Directory.EnumerateDirectories(Repository.Path("tests/KlingFunctions.Tests/Histories"))
        .MaxBy(folder => int.Parse(Path.GetFileName(folder)[1..], CultureInfo.InvariantCulture))!;

    [Theory]
    [InlineData("succeeded.json")]
    [InlineData("watched-long.json")]
    public void Durable_operations_of_a_job_follow_the_formulas(string file)
    {
        var events = EventsOf(file);
        var job = new DurableWork(Count("taskScheduled", "Poll"), Count("taskScheduled", "Deliver"));

        Assert.Equal(job.Activities, Count("taskScheduled"));
        Assert.Equal(job.Timers, Count("timerCreated"));
        Assert.Equal(job.Turns, Count("orchestratorStarted"));
        Assert.Equal(job.Messages, Count("executionStarted") + Count("taskScheduled") + Count("taskCompleted") + Count("timerFired"));

        int Count(string kind, string? name = null) => events.Count(e => e.Kind == kind && (name is null || e.Name == name));
    }

    [Theory]
    [InlineData("succeeded.json")]
    [InlineData("failed.json")]
    public void Length_of_a_jobs_history_follows_the_formula(string file)
    {
        var run = JsonElement.Parse(File.ReadAllText(Path.Combine(Histories, file))).GetProperty("runs")[0].GetProperty("events");
        var names = run.EnumerateArray().Where(e => e.TryGetProperty("taskScheduled", out _)).Select(e => e.GetProperty("taskScheduled").GetProperty("name").GetString()).ToList();
        var job = new DurableWork(names.Count(name => name == "Poll"), names.Count(name => name == "StartChild"));
        // A recording ends before the last turn is written, which adds two events. A failed job has no step Store.
        Assert.Equal(job.Events - 2 - (names.Contains("Store") ? 0 : 4), run.GetArrayLength());
    }

    [Fact]
    public void History_has_only_events_that_the_formulas_count()
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
    public void Polls_of_a_generation_equal_those_in_the_document(int minutes)
    {
        var (first, polls) = (PollsIn(TimeSpan.FromMinutes(minutes), known: 0), PollsIn(TimeSpan.FromMinutes(minutes), known: 100));
        Assert.Equal(
            CostDocument.Row($"{minutes} min"), [(long)Math.Round(first.Average()), polls.Min(), (long)Math.Round(polls.Average()), polls.Max()]);
    }

    [Fact]
    public void Typical_job_and_a_day_of_it_equal_those_in_the_document()
    {
        var polls = (long)Math.Round(PollsIn(Generation, known: 100).Average());
        var job = new DurableWork(polls, Receivers, WaitsFirst: true);
        Assert.Equal(CostDocument.Row("polls"), [polls]);
        PerDay("activities", job.Activities);
        PerDay("turns", job.Turns);
        PerDay("messages, or actions on the Scheduler", job.Messages);
        Assert.Equal(CostDocument.Row("events in the job's history"), [job.Events]);
        var queue = 3 * job.Messages;
        var table = (3 * job.Turns) + (3 * job.Instances) + 2 + 1;
        var blob = CostDocument.Row("in all, with its own webhook")[0];
        PerDay("queue operations", queue);
        PerDay("table operations", table);
        PerDay("Blob operations", blob);
        PerDay("requests to the storage account", queue + table + blob);
        PerDay("executions", 1 + job.Turns + job.Activities);
        PerDay("GB-s, if each runs alone", 2 * (1 + job.Turns + job.Activities));
    }

    [Fact]
    public void Idle_figures_equal_those_of_the_deployed_queues()
    {
        var storage = JsonElement.Parse(Repository.Read("host.json")).GetProperty("extensions").GetProperty("durableTask").GetProperty("storageProvider");
        var partitions = storage.GetProperty("partitionCount").GetInt32();
        var rounds = (long)(TimeSpan.FromDays(1) / TimeSpan.Parse(storage.GetProperty("maxQueuePollingInterval").GetString()!, CultureInfo.InvariantCulture));

        Assert.Equal(CostDocument.Row("queue reads, by an instance that waits"), [(partitions + 1) * rounds]);
        // One read of the table and one renewal for each partition, every ten seconds: DurableTask.AzureStorage, LeaseAcquireInterval.
        Assert.Equal(CostDocument.Row("partition table, by an instance that waits"), [(partitions + 1) * 8_640L]);
    }

    private static void PerDay(string row, long perJob) => Assert.Equal(CostDocument.Row(row), [perJob, 1_000 * perJob, 1_000_000 * perJob]);

    /// <summary>
    /// The polls of a thousand jobs without a queue. Their run times are spread around the median: two thirds within a fifth of it.
    /// </summary>
    private static IReadOnlyList<long> PollsIn(TimeSpan middle, int known)
    {
        var pace = new PipelineOptions();
        var plan = new PollPlan(pace.PollMin, pace.PollMax, new PollingOptions().SecondsPerPoll);
        // Shuffled lengths: the last runs have more weight.
        var learned = RunTimeCurve.Of(Enumerable.Range(0, known).Aggregate(new RunTimes([]), (runs, n) => runs.With(RunOf(n * 37 % known, known))));
        return [.. Enumerable.Range(0, 1_000).Select(n =>
        {
            var (polls, run, id) = (1L, RunOf(n * 617 % 1_000, 1_000), $"vid_{n}");
            for (var age = plan.FirstDelay(TimeSpan.Zero, id, learned); age < run; polls++) age += plan.DelayAfter(new(age, RequestState.Running), id, learned);
            return polls;
        })];

        TimeSpan RunOf(int place, int count) => middle * Math.Pow((place + 0.5) / (count - place - 0.5), 0.13);
    }

    private static List<(string Kind, string? Name)> EventsOf(string file) =>
    [
        .. JsonElement.Parse(File.ReadAllText(Path.Combine(Histories, file))).GetProperty("runs").EnumerateArray()
            .SelectMany(run => run.GetProperty("events").EnumerateArray())
            .Select(e => e.EnumerateObject().Single(p => p.Value.ValueKind == JsonValueKind.Object))
            .Select(p => (p.Name, p.Value.TryGetProperty("name", out var name) ? name.GetString() : null)),
    ];

    /// <summary>Durable's work for a job with these numbers of polls and receivers, by the formulas of the document.</summary>
    private sealed record DurableWork(long Polls, long Receivers, bool WaitsFirst = false)
    {
        private const int WaitsPerRun = 40;

        public long Timers => Polls - (WaitsFirst ? 0 : 1);

        public long Cuts => Timers / WaitsPerRun;

        public long Instances => 1 + Receivers;

        public long Activities => Polls + 4 + (2 * Receivers);

        public long Turns => Activities + Timers + Instances + Cuts;

        public long Events => (4 * (Polls + 4 + Receivers + Timers)) + 4;

        public long Messages => (2 * Activities) + Timers + Instances + Cuts;
    }
}
