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

/// <summary>Properties of every job, whatever its steps return, and whenever its owner cancels it.</summary>
public class GenerateVideoProperties
{
    private static readonly StoredFile Video = new("video", "video", "video/mp4", 7, new string('a', 64));

    private static readonly Gen<TimeSpan> Delays = Gen.Elements(0, 2, 30, 120).Select(s => TimeSpan.FromSeconds(s));

    private static readonly Gen<Permit?> Turns = OrBroken(Gen.Frequency((1, Gen.Constant(true)), (9, Gen.Constant(false))).Zip(Delays, (granted, delay) => new Permit(granted, delay)));

    private static readonly Gen<ImagesChecked?> Checks = OrBroken(Gen.Choose(-8, 3).Select(n => new ImagesChecked(
        [.. Enumerable.Range(0, Math.Max(n, 0)).Select(i => new Fault($"/image_urls/{i}", FaultCode.ImageTooSmall, new string('x', 5_000)))])));

    private static readonly Gen<SubmitPlot?> Submissions = OrBroken(
        from result in Gen.Frequency((2, Gen.Constant(SubmitResult.Accepted)), (9, Gen.Elements(SubmitResult.Retryable, SubmitResult.Unknown)), (1, Gen.Constant(SubmitResult.Failed)))
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
        from cancelsAt in Gen.Frequency((2, Gen.Choose(0, 10)), (1, Gen.Choose(0, 150))).ListOf().Resize(3)
        select new Plot(capped, upload, receivers, [.. turns], [.. checks], [.. submissions], [.. polls], [.. cancels], [.. stores], [.. cancelsAt]);

    [Fact]
    public void Job_always_ends_once_and_never_goes_back() => Holds(course =>
    {
        var reported = course.Reported;
        Assert.All(
            reported.SkipWhile(s => !s.HasEnded()),
            s => Assert.Equal((course.End.Status, course.End.Error?.Code, course.End.Outputs.Count), (s.Status, s.Error?.Code, s.Outputs.Count)));
        Assert.True(course.End.HasEnded());
        Assert.Equal(Json(course.End), Json(reported[^1]));
        Assert.All(reported.Zip(reported.Skip(1)), pair => Assert.True(Place(pair.First) <= Place(pair.Second), $"{pair.First.Status} → {pair.Second.Status}"));
        Assert.All(reported.Zip(reported.Skip(1)), pair => Assert.True(pair.First.UpdatedAt <= pair.Second.UpdatedAt));
        Assert.Equal(course.End.Status is JobStatus.Failed, course.End.Error is not null);
        Assert.Equal(course.End.Status is JobStatus.Succeeded, course.End.Outputs.Count > 0);
        Assert.Null(course.End.PendingIssue);
    });

    [Fact]
    public void Job_is_not_submitted_after_an_answer_a_fault_or_a_cancel() => Holds(course =>
    {
        var submissions = course.Of<SubmitOutcome>("Submit").ToList();
        Assert.DoesNotContain(submissions.SkipLast(1), s => s.Outcome?.Result is SubmitResult.Accepted or SubmitResult.Failed);
        if (course.Of<ImagesChecked>("Validate").LastOrDefault()?.Outcome is not { Faults.Count: 0 }) Assert.Empty(submissions);
        var inputs = course.Inputs<SubmitInput>("Submit").ToList();
        foreach (var ((at, input), before) in inputs.Zip(submissions.Select(s => s.Outcome).Prepend(null)))
        {
            var isCancelled = course.Engine.CancelledAt.Any(c => c <= at);
            Assert.Equal(isCancelled, input.OnlyAsk);
            if (isCancelled) Assert.Equal(SubmitResult.Unknown, before?.Result);
        }
    });

    [Fact]
    public void Paid_job_ends_only_for_one_of_four_reasons() => Holds(course =>
    {
        if (course.Of<SubmitOutcome>("Submit").LastOrDefault()?.Outcome is not { Result: SubmitResult.Accepted } accepted)
        {
            Assert.Null(course.End.Provider);
            if (course.End.Status is JobStatus.Cancelled)
                Assert.NotEqual(SubmitResult.Unknown, course.Of<SubmitOutcome>("Submit").LastOrDefault()?.Outcome?.Result);
            return;
        }
        Assert.Equal(accepted.RequestId, course.End.Provider!.RequestId);
        var poll = course.Of<PollOutcome>("Poll").Last().Outcome;
        var store = course.Of<StoreOutcome>("Store").LastOrDefault();
        var cancellationToken = course.Of<CancelOutcome?>("Cancel").LastOrDefault()?.Outcome;
        var reason = course.End switch
        {
            { Status: JobStatus.Succeeded } => store?.Outcome?.Files is not null,
            { Status: JobStatus.Cancelled } => poll?.Result is PollResult.Cancelled || cancellationToken is CancelOutcome.Cancelled,
            { Error.Code: ErrorCodes.ProviderFailed } => poll?.Result is PollResult.Failed,
            { Error.Code: ErrorCodes.ProviderTimeout } => course.Engine.Now >= accepted.Until,
            { Error.Code: ErrorCodes.StorageFailed } => store is { Outcome: null },
            { Error: { } error } => store?.Outcome?.Error == error,
            _ => false,
        };
        Assert.True(reason, $"{course.End.Status} {course.End.Error}");
    });

    [Fact]
    public void Only_a_finished_result_is_stored() => Holds(course =>
    {
        foreach (var store in course.Of<StoreOutcome>("Store"))
            Assert.Equal(PollResult.Succeeded, course.Of<PollOutcome>("Poll").Last(p => p.Place < store.Place).Outcome?.Result);
    });

    [Fact]
    public void Each_receiver_is_notified_once_and_a_slot_is_released_once() => Holds(course =>
    {
        var receivers = course.Of<IReadOnlyList<Receiver>>("FindReceivers").Single().Outcome ?? [];
        var children = course.Engine.Calls.OfType<RecordedCall.Started>().ToList();
        Assert.Equal(receivers.Select(r => r.NotificationId), children.Select(c => c.Id));
        Assert.Equal(course.Plot.Capped ? 1 : 0, course.Inputs<string>("Leave").Count());
        Assert.Equal(course.Plot.Upload && course.End.Error is not null ? 1 : 0, course.Inputs<UploadFailure>("ReportUpload").Count());
    });

    [Fact]
    public void Each_run_has_a_short_history_and_a_status_that_fits_Durable_Functions() => Holds(course =>
    {
        Assert.All(course.Engine.Runs, run => Assert.InRange(run.OfType<RecordedCall.Slept>().Count(), 0, 41 + 5));
        Assert.All(course.Engine.Runs, run => Assert.InRange(run.OfType<RecordedCall.Called>().Count(), 0, 100));
        Assert.All(course.Engine.Calls.OfType<RecordedCall.Reported>(), r => Assert.InRange(Encoding.Unicode.GetByteCount(r.Status), 1, 16 * 1024));
    });

    private static void Holds(Action<JobCourse> property) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(100), Prop.ForAll(Plots.ToArbitrary(), plot => property(Tell(plot))));

    private static JobCourse Tell(Plot plot)
    {
        var cancelsAt = new HashSet<int>(plot.CancelsAt);
        var engine = new ScriptedEngine { CancelsBefore = (number, _) => cancelsAt.Contains(number) };
        var course = new JobCourse(plot, engine);
        course.Answer(Steps.AcquireSlot, plot.Turns, new(true, TimeSpan.Zero));
        course.Answer(Steps.ReleaseSlot, [], true);
        course.Answer(Steps.Validate, plot.Checks, new([]));
        course.Answer(Steps.Submit, [.. plot.Submissions.Select(s => s is null ? (Func<SubmitOutcome>?)null : () => s.Outcome(engine.Now))],
            () => new SubmitPlot(SubmitResult.Accepted, "", TimeSpan.FromHours(2), default).Outcome(engine.Now));
        course.Answer(Steps.Poll, plot.Polls, new(PollResult.Succeeded, TimeSpan.Zero, "completed"));
        course.Answer(Steps.Cancel, [.. plot.Cancels.Select(c => c is { } known ? () => known : (Func<CancelOutcome>?)null)], () => CancelOutcome.Refused);
        course.Answer(Steps.Store, plot.Stores, new([Video]));
        course.Answer(Steps.ReportUpload, [], true);
        course.Answer(Steps.FindReceivers, plot.Receivers is { } count ? [[.. Enumerable.Range(0, count).Select(i => new Receiver($"sub_{i}", "example.com", $"ntf_{i}"))]] : [null], []);
        course.End = engine.Run(GenerateVideo.RunAsync, "vid_1", SampleJobs.New() with { Capped = plot.Capped, Upload = plot.Upload ? "a/b.json" : null });
        return course;
    }

    private static Gen<T?> OrBroken<T>(Gen<T> outcomes) where T : class => Gen.Frequency((25, outcomes.Select(T? (o) => o)), (1, Gen.Constant<T?>(null)));

    private static string Json(JobState state) => JsonSerializer.Serialize(state, PipelineJson.Default.JobState);

    private static int Place(JobState state) => state.Status switch
    {
        JobStatus.InQueue or JobStatus.InProgress => (int)JobStatus.InQueue,
        _ when state.HasEnded() => (int)JobStatus.Succeeded,
        _ => (int)state.Status,
    };

    /// <summary>The outcomes of the steps, in sequence; null for a step that throws. After the last, all steps succeed.</summary>
    private sealed record Plot(
        bool Capped, bool Upload, int? Receivers, IReadOnlyList<Permit?> Turns, IReadOnlyList<ImagesChecked?> Checks, IReadOnlyList<SubmitPlot?> Submissions,
        IReadOnlyList<PollOutcome?> Polls, IReadOnlyList<CancelOutcome?> Cancels, IReadOnlyList<StoreOutcome?> Stores, IReadOnlyList<int> CancelsAt);

    private sealed record SubmitPlot(SubmitResult Result, string Code, TimeSpan Until, TimeSpan Delay)
    {
        public SubmitOutcome Outcome(DateTimeOffset now) => Result switch
        {
            SubmitResult.Accepted => new(Result, "req-1", now, now + Until),
            SubmitResult.Failed => new(Result, Error: new(Code, "No.")),
            _ => new(Result, Until: now + Until, Delay: Delay, Error: new("provider_unavailable", "Not now.")),
        };
    }

    /// <summary>A step's outcome, with its position among all outcomes.</summary>
    private sealed record Answered<T>(int Place, T? Outcome);

    /// <summary>The complete course of a job.</summary>
    private sealed class JobCourse(Plot plot, ScriptedEngine engine)
    {
        private readonly List<(string Step, object? Outcome)> _answers = [];

        public Plot Plot => plot;

        public ScriptedEngine Engine => engine;

        public JobState End { get; set; } = null!;

        public IReadOnlyList<JobState> Reported =>
            [.. engine.Calls.OfType<RecordedCall.Reported>().Select(r => JsonSerializer.Deserialize(r.Status, PipelineJson.Default.JobState)!)];

        public IEnumerable<Answered<T>> Of<T>(string step) =>
            from answer in _answers.Index() where answer.Item.Step == step select new Answered<T>(answer.Index, (T?)answer.Item.Outcome);

        public IEnumerable<(int At, T Input)> Inputs<T>(string step) =>
            from deed in engine.Calls.Index()
            let called = deed.Item as RecordedCall.Called
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
