using System.Net;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Polling;
using KlingFunctions.Pipeline.Tests.Requests;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Submitting;

/// <summary>Calls, uploads, resumes, resubmissions, crashes, changed caps and midnights in any order.</summary>
public class DayCapProperties
{
    public enum Act
    {
        Call,
        Upload,
        Run,
        RunUntilCrash,
        RunOverMidnight,
        Resume,
        Fail,
        Sweep,
        Restart,
        Midnight,
    }

    private static readonly Gen<Story> Stories =
        from cap in Gen.Choose(1, 3)
        from acts in Gen.Frequency(
            (3, Gen.Elements(Act.Call, Act.Upload)), (6, Gen.Constant(Act.Run)), (2, Gen.Elements(Act.RunUntilCrash, Act.RunOverMidnight)),
            (3, Gen.Constant(Act.Resume)), (2, Gen.Elements(Act.Fail, Act.Sweep, Act.Restart)), (1, Gen.Constant(Act.Midnight))).Zip(Gen.Choose(0, 11)).ListOf().Resize(60)
        from answers in Gen.Elements("accept", "accept", "lose", "refuse", "limit").ListOf().Resize(60)
        from resubmits in Gen.Elements(false, true)
        select new Story(cap, [.. acts], [.. answers], resubmits);

    [Fact]
    public void No_day_pays_more_than_its_cap_and_no_submission_counts_twice() =>
        Prop.ForAll(Stories.ToArbitrary(), async story => await new Run(story).PlayAsync()).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    private sealed record Story(int Cap, IReadOnlyList<(Act Act, int Number)> Acts, IReadOnlyList<string> Answers, bool Resubmits);

    private sealed class Crash : Exception;

    private sealed class Run : HttpMessageHandler
    {
        private readonly Story _story;
        private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 20, 0, 0, TimeSpan.Zero));
        private readonly InMemoryDocuments _documents = new();
        private readonly FakeJobs _jobs = new();
        private readonly List<(string Key, DateOnly Day)> _posts = [];
        private readonly PipelineOptions _options;
        private readonly InMemoryLedger _books = new();
        private readonly Hooked _ledger;
        private Quota _quota;
        private int _refused, _opsLeft = -1;
        private bool _midnight;
        private string _key = "";

        public Run(Story story)
        {
            _story = story;
            _options = new() { MaxJobsPerDay = story.Cap, KeepFor = TimeSpan.FromHours(1) };
            _ledger = new(_books, Hook);
            _documents.Before = (_, _) => Hook();
            _quota = new(_documents, _time);
        }

        private DateOnly Today => DateOnly.FromDateTime(_time.GetUtcNow().UtcDateTime);

        private StalePlaces Places => new(
            _quota, new(_quota, _jobs, Options.Create(_options), NullLogger<HandOver>.Instance), _jobs, _ledger, new(Options.Create(_options), _time), Options.Create(_options), _time);

        private PermitSteps Guards => new(_quota, new Spending(_documents, _time), NoPrices.List, _ledger, Options.Create(_options), _time);

        public async Task PlayAsync()
        {
            foreach (var (act, number) in _story.Acts) await PlayAsync(act, number);
            foreach (var day in _posts.GroupBy(p => p.Day))
            {
                Assert.InRange(day.Count(), 0, _story.Cap);
                var name = $"quota/days/{day.Key:yyyy-MM-dd}";
                // Only the last days are stored.
                if (await _documents.ReadAsync(name, StoredJson.Default.Places, default) is not { Value.Taken: var counted }) continue;
                Assert.Equal(counted.Distinct(), counted);
                Assert.InRange(counted.Count, 0, _story.Cap);
                Assert.Empty(day.Select(p => p.Key).Except(counted));
            }
            Assert.Equal(_posts.Select(p => p.Key).Distinct(), _posts.Select(p => p.Key));
        }

        private async Task PlayAsync(Act act, int number)
        {
            var ids = _jobs.Ids.Order(StringComparer.Ordinal).ToList();
            var snapshot = ids.Count > 0 ? _jobs[ids[number % ids.Count]] : null;
            switch (act)
            {
                case Act.Call or Act.Upload:
                    var reading = Reading.Reader.Read("""{"prompt":"a fox"}"""u8.ToArray());
                    await new JobIntake(_jobs, Places, NoPrices.List, KlingO1.Contract, Options.Create(_options), _time).AcceptAsync(
                        $"vid_{ids.Count}", reading, "https://kling.example.com", act is Act.Upload ? "a.json" : null, default);
                    break;
                case Act.Run or Act.RunUntilCrash or Act.RunOverMidnight when snapshot is { IsRunning: true, State.Provider: null }:
                    (_opsLeft, _midnight) = (act is Act.Run ? -1 : number, act is Act.RunOverMidnight);
                    try
                    {
                        await RunAsync(snapshot);
                    }
                    catch (Crash)
                    {
                        // The engine runs the step again.
                    }
                    _opsLeft = -1;
                    break;
                case Act.Resume when snapshot is { State.Error: not null }:
                    var resumption = Resumption.Of(snapshot, new(Resubmit: snapshot.State.Error.Code is ErrorCodes.SubmissionInDoubt), _time.GetUtcNow());
                    if (resumption.Job is { } job) await _jobs.ResumeAsync(job, default);
                    break;
                case Act.Fail when snapshot is { IsRunning: true, State.Provider: null } && await _books.FindAsync(snapshot.Job.SubmissionKey, default) is null:
                    End(snapshot.Job, new(ErrorCodes.InternalError, "A step failed."));
                    break;
                case Act.Sweep:
                    await Places.SweepAsync(default);
                    break;
                case Act.Restart:
                    _quota.Dispose();
                    _quota = new(_documents, _time);
                    break;
                case Act.Midnight:
                    _time.SetUtcNow(_time.GetUtcNow().UtcDateTime.Date.AddDays(1));
                    break;
                default:
                    break;
            }
        }

        private async Task RunAsync(JobSnapshot snapshot)
        {
            var job = snapshot.Job;
            if (job.AwaitsDay && !(await Guards.TakeDayAsync(job.SubmissionKey, default)).Granted) return;
            _key = job.SubmissionKey;
            var step = new SubmitStep(
                Clients.On(this, _time), _ledger, Guards, NoUploads.Delivery, Plans.First(_time), Options.Create(_options),
                Options.Create(new SubmissionOptions { WhenInDoubt = _story.Resubmits ? "resubmit" : "fail" }), _time, NullLogger<SubmitStep>.Instance);
            var outcome = await step.RunAsync(new(job.Id, job.SubmissionKey, job.Request.Input), default);
            if (outcome.Error is { } error && outcome.Result is SubmitResult.Failed) End(job, error);
            if (outcome.RequestId is { } id) _jobs.Put(snapshot with { State = snapshot.State with { Provider = new(id) } });
        }

        private void End(VideoJob job, JobError error) => _jobs.Put(new(
            job, JobState.Initial(job) with { Status = JobStatus.Failed, Error = error, UpdatedAt = _time.GetUtcNow() }, IsRunning: false, []));

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            var place = _posts.Count + _refused;
            var answer = place < _story.Answers.Count ? _story.Answers[place] : "accept";
            if (answer is "refuse" or "limit") _refused++;
            else _posts.Add((_books.Entries.Values.Single(e => e.RequestId is null && e.Key.StartsWith(_key, StringComparison.Ordinal) && _posts.All(p => p.Key != e.Key)).Key, Today));
            return answer switch
            {
                "accept" => new(HttpStatusCode.OK) { Content = new StringContent($$"""{"request_id":"req-{{_posts.Count}}"}""") },
                "lose" => new(HttpStatusCode.BadGateway),
                "refuse" => new(HttpStatusCode.PaymentRequired),
                _ => new(HttpStatusCode.TooManyRequests),
            };
        }

        private void Hook()
        {
            if (_opsLeft < 0 || _opsLeft-- > 0) return;
            if (!_midnight) throw new Crash();
            _time.SetUtcNow(_time.GetUtcNow().UtcDateTime.Date.AddDays(1));
        }
    }

    /// <summary>A ledger in which time advances, or the host dies, before and after each write.</summary>
    private sealed class Hooked(InMemoryLedger ledger, Action hook) : ISubmissionLedger
    {
        public Task<Submission?> FindAsync(string key, CancellationToken cancellationToken) => ledger.FindAsync(key, cancellationToken);

        public Task<bool> TryIntendAsync(string key, DateTimeOffset now, CancellationToken cancellationToken) => AroundAsync(() => ledger.TryIntendAsync(key, now, cancellationToken));

        public Task RecordAsync(string key, string requestId, DateTimeOffset now, CancellationToken cancellationToken) => ledger.RecordAsync(key, requestId, now, cancellationToken);

        public Task WithdrawAsync(string key, DateTimeOffset intendedAt, CancellationToken cancellationToken) => ledger.WithdrawAsync(key, intendedAt, cancellationToken);

        public Task ForgetAsync(string jobId, CancellationToken cancellationToken) => ledger.ForgetAsync(jobId, cancellationToken);

        private async Task<T> AroundAsync<T>(Func<Task<T>> write)
        {
            hook();
            var result = await write();
            hook();
            return result;
        }
    }
}
