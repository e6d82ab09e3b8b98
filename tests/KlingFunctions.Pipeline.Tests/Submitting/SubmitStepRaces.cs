using System.Net;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Polling;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Submitting;

/// <summary>Several runs of one submission at once, with reads and writes in any order, and with crashes.</summary>
public class SubmitStepRaces
{
    private static readonly Gen<Plot> Plots =
        from runs in Gen.Choose(1, 4)
        from turns in Gen.Choose(0, 3).Zip(Gen.Frequency((9, Gen.Constant(false)), (1, Gen.Constant(true)))).ListOf().Resize(40)
        from answers in Gen.Elements("accept", "accept", "lose", "refuse", "limit").ListOf().Resize(6)
        from knows in Gen.Elements(true, false)
        select new Plot(runs, [.. turns], [.. answers], knows);

    [Fact]
    public void Submission_is_paid_at_most_once_wherever_its_runs_die() =>
        Prop.ForAll(Plots.ToArbitrary(), async plot =>
        {
            var result = await PlayAsync(plot, "fail");
            Assert.InRange(result.Provider.Accepted, 0, 1);
            Assert.InRange(result.Provider.Posts - result.Provider.Refused, 0, 1);
            Assert.InRange(result.Outcomes.Where(o => o.Result is SubmitResult.Accepted).Select(o => o.RequestId).Distinct().Count(), 0, 1);
            // The last run reports that the submission is paid, or that it may be.
            if (result.Provider.Accepted > 0)
                Assert.True(result.Outcomes[^1] is { Result: SubmitResult.Accepted } or { Error.Code: ErrorCodes.SubmissionInDoubt }, $"{result.Outcomes[^1]}");
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Resubmission_pays_three_times_at_most() =>
        Prop.ForAll(Plots.ToArbitrary(), async plot =>
        {
            var result = await PlayAsync(plot, "resubmit");
            Assert.InRange(result.Provider.Accepted, 0, 3);
            Assert.InRange(result.Provider.Posts - result.Provider.Refused, 0, 3);
        }).QuickCheckThrowOnFailure();

    private static async Task<Result> PlayAsync(Plot plot, string whenInDoubt)
    {
        var (ledger, provider) = (new InMemoryLedger(), new Provider(plot.Answers));
        var runs = Enumerable.Range(0, plot.Runs).Select(_ => new Run()).ToList();
        var intended = new Dictionary<string, Run>();
        // Some ledgers know whether the intent's writer may be alive; others, with a single owner, assume that every writer is dead.
        ledger.MayBeUnderWay = key => plot.LedgerKnows && intended.TryGetValue(key, out var run) && !run.Dead;
        foreach (var run in runs)
            run.Task = Task.Run(() => Step(new Gated(run, ledger, intended), new GatedHandler(run, provider), whenInDoubt).RunAsync(Input, CancellationToken.None));

        foreach (var (turn, dies) in plot.Turns.Concat(Enumerable.Repeat((0, false), 200)))
        {
            foreach (var run in runs.Where(r => !r.Dead)) await Task.WhenAny(run.Task, run.Gate.Arrived);
            var waiting = runs.Where(r => !r.Dead && !r.Task.IsCompleted).ToList();
            if (waiting.Count == 0) break;
            var next = waiting[turn % waiting.Count];
            if (dies) next.Dead = true;
            else next.Gate.Open();
        }
        var outcomes = new List<SubmitOutcome>();
        foreach (var run in runs.Where(r => !r.Dead)) outcomes.Add(await run.Task);

        // In the end one run is alone, and repeated as often as it asks to be.
        ledger.MayBeUnderWay = _ => false;
        do outcomes.Add(await Step(ledger, new Ungated(provider), whenInDoubt).RunAsync(Input, CancellationToken.None));
        while (outcomes[^1].Result is SubmitResult.Retryable or SubmitResult.Unknown);
        return new(provider, outcomes);
    }

    private static readonly SubmitInput Input = new("vid_1", "vid_1", SampleJobs.Request().Input);

    private static SubmitStep Step(ISubmissionLedger ledger, HttpMessageHandler provider, string whenInDoubt) => new(
        Clients.On(provider), ledger, Turns.Of(new(), new InMemoryDocuments(), ledger, TimeProvider.System), NoUploads.Delivery, Plans.First(new FakeTimeProvider()), Options.Create(new PipelineOptions()),
        Options.Create(new SubmissionOptions { WhenInDoubt = whenInDoubt }), new FakeTimeProvider(), NullLogger<SubmitStep>.Instance);

    /// <summary>The number of runs, which of them continues or dies at each turn, and the provider's answers in sequence.</summary>
    private sealed record Plot(int Runs, IReadOnlyList<(int Turn, bool Dies)> Turns, IReadOnlyList<string> Answers, bool LedgerKnows);

    private sealed record Result(Provider Provider, IReadOnlyList<SubmitOutcome> Outcomes);

    private sealed class Run
    {
        public Gate Gate { get; } = new();

        public bool Dead { get; set; }

        public Task<SubmitOutcome> Task { get; set; } = null!;
    }

    /// <summary>Holds a run before each visible action until the test lets it continue.</summary>
    private sealed class Gate
    {
        private TaskCompletionSource _arrived = New(), _open = New();

        public Task Arrived => _arrived.Task;

        public Task PassAsync()
        {
            var open = _open.Task;
            _arrived.SetResult();
            return open;
        }

        public void Open()
        {
            var open = _open;
            (_arrived, _open) = (New(), New());
            open.SetResult();
        }

        private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Gated(Run run, InMemoryLedger ledger, Dictionary<string, Run> intended) : ISubmissionLedger
    {
        public async Task<Submission?> FindAsync(string key, CancellationToken cancellationToken)
        {
            await run.Gate.PassAsync();
            return await ledger.FindAsync(key, cancellationToken);
        }

        public async Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken)
        {
            await run.Gate.PassAsync();
            if (!await ledger.TryIntendAsync(key, now, cancellationToken)) return false;
            intended[key] = run;
            return true;
        }

        public async Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken)
        {
            await run.Gate.PassAsync();
            await ledger.RecordAsync(key, requestId, now, cancellationToken);
        }

        public async Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken)
        {
            await run.Gate.PassAsync();
            await ledger.WithdrawAsync(key, intendedAt, cancellationToken);
        }

        public Task ForgetAsync(string jobId, CancellationToken cancellationToken) => ledger.ForgetAsync(jobId, cancellationToken);
    }

    /// <summary>A provider that accepts, refuses, or accepts with a lost answer.</summary>
    private sealed class Provider(IReadOnlyList<string> answers)
    {
        public int Posts { get; private set; }

        public int Accepted { get; private set; }

        public int Refused { get; private set; }

        public HttpResponseMessage Post()
        {
            var answer = Posts < answers.Count ? answers[Posts] : "accept";
            Posts++;
            if (answer is "accept" or "lose") Accepted++;
            else Refused++;
            return answer switch
            {
                "accept" => new(HttpStatusCode.OK) { Content = new StringContent($$"""{"request_id":"req-{{Accepted}}"}""") },
                "lose" => new(HttpStatusCode.BadGateway),
                "refuse" => new(HttpStatusCode.PaymentRequired),
                _ => new(HttpStatusCode.TooManyRequests),
            };
        }
    }

    private class Ungated(Provider provider) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            return provider.Post();
        }
    }

    private sealed class GatedHandler(Run run, Provider provider) : Ungated(provider)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await run.Gate.PassAsync();
            var answer = await base.SendAsync(request, cancellationToken);
            await run.Gate.PassAsync();
            return answer;
        }
    }
}
