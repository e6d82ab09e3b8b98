using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Storing;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Uploads;
using KlingFunctions.Pipeline.Workflow;

namespace KlingFunctions.Pipeline.Tests;

/// <summary>What holds for a job whatever its steps come to, and whenever its owner wishes to cancel it.</summary>
public class GenerateVideoProperties
{
    private static readonly StoredFile Video = new("video", "video", "video/mp4", 7, new string('a', 64));

    private static readonly Gen<TimeSpan> Delays = Gen.Elements(0, 2, 30, 120).Select(s => TimeSpan.FromSeconds(s));

    private static readonly Gen<Turn?> Turns = OrBroken(Gen.Frequency((1, Gen.Constant(true)), (9, Gen.Constant(false))).Zip(Delays, (granted, delay) => new Turn(granted, delay)));

    private static readonly Gen<ImagesChecked?> Checks = OrBroken(Gen.Choose(-8, 3).Select(n => new ImagesChecked(
        [.. Enumerable.Range(0, Math.Max(n, 0)).Select(i => new Fault($"/image_urls/{i}", FaultCode.ImageTooSmall, new string('x', 5_000)))])));

    private static readonly Gen<SubmitPlot?> Submissions = OrBroken(
        from result in Gen.Frequency((2, Gen.Constant(SubmitResult.Accepted)), (9, Gen.Elements(SubmitResult.NotYet, SubmitResult.Unsettled)), (1, Gen.Constant(SubmitResult.Failed)))
        from code in Gen.Elements(ErrorCodes.ProviderRejected, ErrorCodes.ProviderAuth, ErrorCodes.SubmissionInDoubt, FaultCode.ImageUnreachable)
        from until in Gen.Elements(1, 120, 600)
        from delay in Delays
        select new SubmitPlot(result, code, TimeSpan.FromMinutes(until), delay));

    private static readonly Gen<PollOutcome?> Polls = OrBroken(
        from result in Gen.Frequency(
            (80, Gen.Elements(PollResult.Queued, PollResult.Running, PollResult.Unknown)), (1, Gen.Elements(PollResult.Succeeded, PollResult.Failed, PollResult.Cancelled)))
        from delay in Delays
        from position in Gen.Elements<int?>(null, 0, 7)
        from missing in Gen.Choose(0, 4)
        select new PollOutcome(
            result, delay, "word", position, result is PollResult.Unknown ? new Fault("", "provider_unavailable", "Away.") : null,
            result is PollResult.Failed ? new JobError(ErrorCodes.ProviderFailed, "No.") : null, missing));

    private static readonly Gen<CancelOutcome?> Cancels =
        Gen.Elements<CancelOutcome?>(CancelOutcome.Cancelled, CancelOutcome.Refused, CancelOutcome.NotAsked, null);

    private static readonly Gen<StoreOutcome?> Stores = OrBroken(Gen.Elements(
        new StoreOutcome([Video]),
        new StoreOutcome(null, new(ErrorCodes.VideoUnreachable, "Away."), MayRetry: true),
        new StoreOutcome(null, new(ErrorCodes.VideoInvalid, "A page."))));

    private static readonly Gen<Plot> Plots =
        from capped in Gen.Elements(true, false)
        from upload in Gen.Elements(true, false)
        from receivers in Gen.Elements<int?>(0, 1, 3, 21, null)
        from turns in Turns.ListOf()
        from checks in Checks.ListOf()
        from submissions in Submissions.ListOf()
        from polls in Polls.ListOf().Resize(200)
        from cancels in Cancels.ListOf()
        from stores in Stores.ListOf()
        from wishes in Gen.Frequency((2, Gen.Choose(0, 10)), (1, Gen.Choose(0, 150))).ListOf().Resize(3)
        select new Plot(capped, upload, receivers, [.. turns], [.. checks], [.. submissions], [.. polls], [.. cancels], [.. stores], [.. wishes]);

    [Fact]
    public void A_job_always_comes_to_one_end_and_never_goes_back() => Holds(told =>
    {
        var reported = told.Reported;
        Assert.All(reported.SkipLast(1), s => Assert.False(s.HasEnded()));
        Assert.True(told.End.HasEnded());
        Assert.Equal(Json(told.End), Json(reported[^1]));
        Assert.All(reported.Zip(reported.Skip(1)), pair => Assert.True(Place(pair.First) <= Place(pair.Second), $"{pair.First.Status} → {pair.Second.Status}"));
        Assert.All(reported.Zip(reported.Skip(1)), pair => Assert.True(pair.First.UpdatedAt <= pair.Second.UpdatedAt));
        Assert.Equal(told.End.Status is JobStatus.Failed, told.End.Error is not null);
        Assert.Equal(told.End.Status is JobStatus.Succeeded, told.End.Outputs.Count > 0);
        Assert.Null(told.End.Attention);
    });

    [Fact]
    public void Nothing_is_submitted_once_it_was_accepted_refused_found_faulty_or_no_longer_wanted() => Holds(told =>
    {
        var submissions = told.Of<SubmitOutcome>("Submit").ToList();
        Assert.DoesNotContain(submissions.SkipLast(1), s => s.Outcome?.Result is SubmitResult.Accepted or SubmitResult.Failed);
        if (told.Of<ImagesChecked>("Validate").LastOrDefault()?.Outcome is not { Faults.Count: 0 }) Assert.Empty(submissions);
        var inputs = told.Inputs<SubmitInput>("Submit").ToList();
        foreach (var ((at, input), before) in inputs.Zip(submissions.Select(s => s.Outcome).Prepend(null)))
        {
            var wished = told.Engine.CancelledAt.Any(c => c <= at);
            Assert.Equal(wished, input.OnlyAsk);
            if (wished) Assert.Equal(SubmitResult.Unsettled, before?.Result);
        }
    });

    [Fact]
    public void A_paid_job_ends_by_the_providers_word_the_deadline_a_confirmed_cancel_or_a_failure_to_store() => Holds(told =>
    {
        if (told.Of<SubmitOutcome>("Submit").LastOrDefault()?.Outcome is not { Result: SubmitResult.Accepted } accepted)
        {
            Assert.Null(told.End.Provider);
            if (told.End.Status is JobStatus.Cancelled)
                Assert.NotEqual(SubmitResult.Unsettled, told.Of<SubmitOutcome>("Submit").LastOrDefault()?.Outcome?.Result);
            return;
        }
        Assert.Equal(accepted.RequestId, told.End.Provider!.RequestId);
        var poll = told.Of<PollOutcome>("Poll").Last().Outcome;
        var store = told.Of<StoreOutcome>("Store").LastOrDefault();
        var cancel = told.Of<CancelOutcome?>("Cancel").LastOrDefault()?.Outcome;
        var reason = told.End switch
        {
            { Status: JobStatus.Succeeded } => store?.Outcome?.Files is not null,
            { Status: JobStatus.Cancelled } => poll?.Result is PollResult.Cancelled || cancel is CancelOutcome.Cancelled,
            { Error.Code: ErrorCodes.ProviderFailed } => poll?.Result is PollResult.Failed,
            { Error.Code: ErrorCodes.ProviderTimeout } => told.Engine.Now >= accepted.Until,
            { Error.Code: ErrorCodes.StorageFailed } => store is { Outcome: null },
            { Error: { } error } => store?.Outcome?.Error == error,
            _ => false,
        };
        Assert.True(reason, $"{told.End.Status} {told.End.Error}");
    });

    [Fact]
    public void Only_what_the_provider_finished_is_stored() => Holds(told =>
    {
        foreach (var store in told.Of<StoreOutcome>("Store"))
            Assert.Equal(PollResult.Succeeded, told.Of<PollOutcome>("Poll").Last(p => p.Place < store.Place).Outcome?.Result);
    });

    [Fact]
    public void Every_receiver_is_told_once_and_a_place_that_was_taken_is_given_back_once() => Holds(told =>
    {
        var receivers = told.Of<IReadOnlyList<Receiver>>("FindReceivers").Single().Outcome ?? [];
        var children = told.Engine.Deeds.OfType<Deed.Started>().ToList();
        Assert.Equal(receivers.Select(r => r.NotificationId), children.Select(c => c.Id));
        Assert.Equal(told.Plot.Capped ? 1 : 0, told.Inputs<string>("Leave").Count());
        Assert.Equal(told.Plot.Upload && told.End.Error is not null ? 1 : 0, told.Inputs<UploadFailure>("ReportUpload").Count());
    });

    [Fact]
    public void The_history_of_each_run_is_short_and_every_state_fits_a_status_of_Durable_Functions() => Holds(told =>
    {
        Assert.All(told.Engine.Runs, run => Assert.InRange(run.OfType<Deed.Slept>().Count(), 0, 41 + 5));
        Assert.All(told.Engine.Runs, run => Assert.InRange(run.OfType<Deed.Called>().Count(), 0, 100));
        Assert.All(told.Engine.Deeds.OfType<Deed.Reported>(), r => Assert.InRange(Encoding.Unicode.GetByteCount(r.Status), 1, 16 * 1024));
    });

    private static void Holds(Action<Told> property) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(Plots.ToArbitrary(), plot => property(Tell(plot))));

    private static Told Tell(Plot plot)
    {
        var wishes = new HashSet<int>(plot.Wishes);
        var engine = new ScriptedEngine { CancelsBefore = (happening, _) => wishes.Contains(happening) };
        var told = new Told(plot, engine);
        told.Answer(Steps.Enter, plot.Turns, new(true, TimeSpan.Zero));
        told.Answer(Steps.Leave, [], true);
        told.Answer(Steps.Validate, plot.Checks, new([]));
        told.Answer(Steps.Submit, [.. plot.Submissions.Select(s => s is null ? (Func<SubmitOutcome>?)null : () => s.Outcome(engine.Now))],
            () => new SubmitPlot(SubmitResult.Accepted, "", TimeSpan.FromHours(2), default).Outcome(engine.Now));
        told.Answer(Steps.Poll, plot.Polls, new(PollResult.Succeeded, TimeSpan.Zero, "completed"));
        told.Answer(Steps.Cancel, [.. plot.Cancels.Select(c => c is { } known ? () => known : (Func<CancelOutcome>?)null)], () => CancelOutcome.Refused);
        told.Answer(Steps.Store, plot.Stores, new([Video]));
        told.Answer(Steps.ReportUpload, [], true);
        told.Answer(Steps.FindReceivers, plot.Receivers is { } count ? [[.. Enumerable.Range(0, count).Select(i => new Receiver($"sub_{i}", "example.com", $"ntf_{i}"))]] : [null], []);
        told.End = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = plot.Capped, Upload = plot.Upload ? "a/b.json" : null });
        return told;
    }

    private static Gen<T?> OrBroken<T>(Gen<T> outcomes) where T : class => Gen.Frequency((25, outcomes.Select(T? (o) => o)), (1, Gen.Constant<T?>(null)));

    private static string Json(JobState state) => JsonSerializer.Serialize(state, PipelineJson.Default.JobState);

    private static int Place(JobState state) => state.Status switch
    {
        JobStatus.InQueue or JobStatus.InProgress => (int)JobStatus.InQueue,
        _ when state.HasEnded() => (int)JobStatus.Succeeded,
        _ => (int)state.Status,
    };

    /// <summary>What the steps come to, one after the other: null for one that breaks. After the last, all goes well.</summary>
    private sealed record Plot(
        bool Capped, bool Upload, int? Receivers, IReadOnlyList<Turn?> Turns, IReadOnlyList<ImagesChecked?> Checks, IReadOnlyList<SubmitPlot?> Submissions,
        IReadOnlyList<PollOutcome?> Polls, IReadOnlyList<CancelOutcome?> Cancels, IReadOnlyList<StoreOutcome?> Stores, IReadOnlyList<int> Wishes);

    private sealed record SubmitPlot(SubmitResult Result, string Code, TimeSpan Until, TimeSpan Delay)
    {
        public SubmitOutcome Outcome(DateTimeOffset now) => Result switch
        {
            SubmitResult.Accepted => new(Result, "req-1", now, now + Until),
            SubmitResult.Failed => new(Result, Error: new(Code, "No.")),
            _ => new(Result, Until: now + Until, Delay: Delay, Error: new("provider_unavailable", "Not now.")),
        };
    }

    /// <summary>An answer of a step, at its place among all of them.</summary>
    private sealed record Answered<T>(int Place, T? Outcome);

    /// <summary>A job's whole story.</summary>
    private sealed class Told(Plot plot, ScriptedEngine engine)
    {
        private readonly List<(string Step, object? Outcome)> _answers = [];

        public Plot Plot => plot;

        public ScriptedEngine Engine => engine;

        public JobState End { get; set; } = null!;

        public IReadOnlyList<JobState> Reported =>
            [.. engine.Deeds.OfType<Deed.Reported>().Select(r => JsonSerializer.Deserialize(r.Status, PipelineJson.Default.JobState)!)];

        public IEnumerable<Answered<T>> Of<T>(string step) =>
            from answer in _answers.Index() where answer.Item.Step == step select new Answered<T>(answer.Index, (T?)answer.Item.Outcome);

        public IEnumerable<(int At, T Input)> Inputs<T>(string step) =>
            from deed in engine.Deeds.Index()
            let called = deed.Item as Deed.Called
            where called?.Step == step
            select (deed.Index, JsonSerializer.Deserialize<T>(called.Input, PipelineJson.Default.Options)!);

        public void Answer<TIn, TOut>(Step<TIn, TOut> step, IReadOnlyList<TOut?> outcomes, TOut last) where TOut : class =>
            Answer(step, [.. outcomes.Select(o => o is null ? (Func<TOut>?)null : () => o)], () => last);

        public void Answer<TIn>(Step<TIn, bool> step, IReadOnlyList<Func<bool>?> outcomes, bool last) => Answer(step, outcomes, () => last);

        public void Answer<TIn, TOut>(Step<TIn, TOut> step, IReadOnlyList<Func<TOut>?> outcomes, Func<TOut> last)
        {
            var next = 0;
            engine.On(step, _ =>
            {
                var outcome = next < outcomes.Count ? outcomes[next] : last;
                next++;
                var given = outcome is null ? (object?)null : outcome();
                _answers.Add((step.Name, given));
                return given is TOut known ? known : throw new IOException("It broke.");
            });
        }
    }
}
