using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Requests;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Batching;

/// <summary>A batch is submitted repeatedly, the host is killed at any point, and jobs end at any time.</summary>
public class BatchProperties
{
    private static readonly Gen<Story> Stories =
        from items in Gen.Choose(0, 2).NonEmptyListOf().Resize(8)
        from acts in Gen.Choose(-12, 30).ListOf().Resize(16)
        select new Story([.. items], [.. acts]);

    [Fact]
    public void Each_request_has_one_job_and_the_batch_one_notification() =>
        Prop.ForAll(Stories.ToArbitrary(), async story =>
        {
            using var run = new Run(story);
            await run.PlayAsync();
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));

    /// <param name="Items">0: a request with faults; others are valid requests, of which some are equal.</param>
    /// <param name="Acts">Below 0: that job ends; otherwise the batch is submitted, and the host killed after this number of
    /// writes.</param>
    private sealed record Story(IReadOnlyList<int> Items, IReadOnlyList<int> Acts);

    private sealed class Killed : Exception;

    private sealed class Run : IDisposable
    {
        private const string BaseUrl = "https://kling.example.com";

        private readonly Story _story;
        private readonly FakeJobs _jobs = new();
        private readonly InMemoryDocuments _documents = new();
        private readonly Batches _batches;
        private readonly EndBatchItemStep _end;
        private readonly BatchIntake _intake;
        private readonly JobIntake _single;
        private readonly string _id = Batches.IdOf("orders");
        private readonly List<BatchItem> _items;
        private readonly HashSet<int> _ended = [];
        private readonly Quota _quota;
        private int _writesLeft = int.MaxValue;

        public Run(Story story)
        {
            _story = story;
            _documents.Before = (kind, _) => Live(kind is "write");
            _jobs.Starting = _ => Live(counts: true);
            _batches = new(_documents, TimeProvider.System);
            _end = new(
                _batches, new(new(_documents, NullLogger<Subscriptions>.Instance), _documents, new([]), NullLogger<FindReceiversStep>.Instance), _jobs, TimeProvider.System);
            _intake = new(_batches, _end, _jobs);
            var options = Options.Create(new PipelineOptions());
            _quota = new(_documents, TimeProvider.System);
            var places = new StalePlaces(
                _quota, new(_quota, _jobs, options, NullLogger<HandOver>.Instance), _jobs, new InMemoryLedger(), new(options, TimeProvider.System), options, TimeProvider.System);
            _single = new(_jobs, places, NoPrices.List, KlingO1.Contract, options, TimeProvider.System);
            _items = [.. story.Items.Select((kind, i) =>
            {
                var bytes = Encoding.UTF8.GetBytes(kind == 0 ? "{}" : $$"""{"prompt":"a fox {{kind}}"}""");
                return new BatchItem(Batches.JobIdOf(new(_id, i)), bytes, Reading.Reader.Read(bytes));
            })];
        }

        public void Dispose() => _quota.Dispose();

        private int Good => _story.Items.Count(kind => kind > 0);

        public async Task PlayAsync()
        {
            await _documents.TryWriteAsync(
                "subscriptions/sub_1.json", """{"id":"sub_1","url":"https://hooks.example.com/","events":["batch.finished"],"created_at":"2026-01-01T00:00:00Z"}""", null, default);
            foreach (var act in _story.Acts)
            {
                if (act < 0) await TryAsync(() => EndAsync(-act % _items.Count), writes: -act % 5);
                else await TryAsync(AcceptAsync, writes: act);
                Assert.InRange(_jobs.Ids.Count(), 0, Good);
                Assert.InRange(_jobs.Notified.Count, 0, 1);
            }
            await AcceptAsync();
            // A job ends once: the caller that sees the last end, or the last acceptance, must notify.
            foreach (var place in Enumerable.Range(0, _items.Count).Except(_ended).ToList()) await EndAsync(place);

            Assert.Equal(_items.Where(item => item.Reading.Request is not null).Select(item => item.JobId).Order(), _jobs.Ids.Order());
            if (Good == 0)
            {
                Assert.Empty(_jobs.Notified);
                return;
            }
            var batch = Assert.Single(_jobs.Notified.Values).Batch!;
            Assert.Equal((BatchStatus.Finished, _items.Count, Good, 0, Good), (batch.Status, batch.Total, batch.Accepted, batch.Running, batch.Succeeded));
        }

        private async Task AcceptAsync()
        {
            var outcomes = await _intake.AcceptAsync(
                _id, _items, BaseUrl, _single.ReserveAsync, async (item, place, cancellationToken) => await _single.AcceptAsync(item.JobId, item.Reading, BaseUrl, null, cancellationToken, place), default);
            Assert.Equal(_items.Select(item => item.Reading.Request is null ? null : item.JobId), outcomes!.Select(o => (o as Intake.Accepted)?.Snapshot.Job.Id));
        }

        private async Task EndAsync(int place)
        {
            if (!_jobs.Ids.Contains(_items[place].JobId)) return;
            await _end.RunAsync(new(_items[place].JobId, new(_id, place), 0, JobStatus.Succeeded, BaseUrl), default);
            _ended.Add(place);
        }

        private async Task TryAsync(Func<Task> act, int writes)
        {
            _writesLeft = writes;
            try
            {
                await act();
            }
            catch (Exception e) when (e is Killed or OperationCanceledException or AggregateException)
            {
                // The client, or the engine, repeats the call.
            }
            _writesLeft = int.MaxValue;
        }

        private void Live(bool counts)
        {
            if (_writesLeft <= 0 || (counts && Interlocked.Decrement(ref _writesLeft) < 0)) throw new Killed();
        }
    }
}
