using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Telemetry;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Polling;
using KlingFunctions.Pipeline.Tests.Requests;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Submitting;

public class SubmitStepTests
{
    private const string Key = "vid_1";

    private static readonly SubmitInput Input = new("vid_1", Key, SampleJobs.Request().Input);

    private readonly InMemoryLedger _ledger = new();
    private readonly InMemoryDocuments _documents = new();
    private readonly PipelineOptions _options = new();
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Accepted_request_is_in_the_ledger_and_has_its_deadline()
    {
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input, Ct);
        Assert.Equal(new(SubmitResult.Accepted, "req-1", _time.GetUtcNow(), _time.GetUtcNow().AddHours(2)), outcome);
        Assert.Equal("req-1", _ledger.Entries[Key].RequestId);
        Assert.Single(provider.Seen);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Repeated_run_returns_the_recorded_id_and_sends_nothing(bool onlyAsk)
    {
        await _ledger.RecordAsync(Key, "req-0", _time.GetUtcNow(), Ct);
        _time.Advance(TimeSpan.FromMinutes(10));
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input with { OnlyAsk = onlyAsk }, Ct);
        Assert.Equal((SubmitResult.Accepted, "req-0"), (outcome.Result, outcome.RequestId));
        // The deadline counts from the submission, not from this run.
        Assert.Equal(_time.GetUtcNow().AddHours(2) - TimeSpan.FromMinutes(10), outcome.Until);
        Assert.Empty(provider.Seen);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Repeated_run_with_only_an_intent_is_in_doubt_and_sends_nothing(bool onlyAsk)
    {
        await _ledger.TryIntendAsync(Key, _time.GetUtcNow(), Ct);
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input with { OnlyAsk = onlyAsk }, Ct);
        Assert.Equal((SubmitResult.Failed, ErrorCodes.SubmissionInDoubt), (outcome.Result, outcome.Error!.Code));
        Assert.Contains("request_id", outcome.Error.Message, StringComparison.Ordinal);
        Assert.Contains("resubmit", outcome.Error.Message, StringComparison.Ordinal);
        Assert.Empty(provider.Seen);
    }

    [Theory]
    [InlineData("fail", false)]
    [InlineData("resubmit", false)]
    [InlineData("fail", true)]
    public async Task Run_waits_and_sends_nothing_while_another_may_be_in_the_POST(string whenInDoubt, bool onlyAsk)
    {
        await _ledger.TryIntendAsync(Key, _time.GetUtcNow(), Ct);
        _ledger.MayBeUnderWay = _ => true;
        var provider = Accepting();
        var outcome = await Step(provider, whenInDoubt).RunAsync(Input with { OnlyAsk = onlyAsk }, Ct);
        Assert.Equal(SubmitResult.Unknown, outcome.Result);
        Assert.True(outcome.Delay > TimeSpan.Zero);
        Assert.Empty(provider.Seen);
    }

    [Fact]
    public async Task Query_only_sends_nothing()
    {
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input with { OnlyAsk = true }, Ct);
        Assert.Equal(SubmitResult.Retryable, outcome.Result);
        Assert.Empty(provider.Seen);
        Assert.Empty(_ledger.Entries);
    }

    [Fact]
    public async Task Query_after_a_lost_answer_is_in_doubt_even_with_resubmit()
    {
        var provider = StubHandler.Answering(500, "{}");
        await Step(provider, "resubmit").RunAsync(Input, Ct);
        var outcome = await Step(provider, "resubmit").RunAsync(Input with { OnlyAsk = true }, Ct);
        Assert.Equal(ErrorCodes.SubmissionInDoubt, outcome.Error!.Code);
        Assert.Single(provider.Seen);
    }

    [Theory]
    [InlineData(400, """{"error_code":400004}""", SubmitResult.Failed, ErrorCodes.ProviderAuth)]
    [InlineData(400, """{"error_code":400002}""", SubmitResult.Failed, ErrorCodes.ProviderBalance)]
    [InlineData(401, "{}", SubmitResult.Failed, ErrorCodes.ProviderAuth)]
    [InlineData(402, "{}", SubmitResult.Failed, ErrorCodes.ProviderBalance)]
    [InlineData(422, """{"detail":"no such duration"}""", SubmitResult.Failed, ErrorCodes.ProviderRejected)]
    [InlineData(429, "{}", SubmitResult.Retryable, "provider_unavailable")]
    public async Task Refused_submission_is_unpaid_and_may_be_sent_again(int status, string body, SubmitResult result, string code)
    {
        var provider = StubHandler.Answering(status, body);
        var outcome = await Step(provider).RunAsync(Input, Ct);
        Assert.Equal((result, code), (outcome.Result, outcome.Error!.Code));
        Assert.Empty(_ledger.Entries);

        Assert.Equal(SubmitResult.Accepted, (await Step(Accepting()).RunAsync(Input, Ct)).Result);
    }

    [Theory]
    [InlineData(429, "{}", SubmitResult.Retryable)]
    [InlineData(400, """{"error_code":400002}""", SubmitResult.Failed)]
    [InlineData(400, """{"error_code":400004}""", SubmitResult.Failed)]
    public async Task Refusal_with_an_intent_that_can_not_be_withdrawn_is_not_in_doubt(int status, string body, SubmitResult result)
    {
        _ledger.FailsToWithdraw = true;
        var outcome = await Step(StubHandler.Answering(status, body)).RunAsync(Input, Ct);
        Assert.Equal(result, outcome.Result);
        Assert.NotEqual(ErrorCodes.SubmissionInDoubt, outcome.Error!.Code);

        _time.Advance(TimeSpan.FromMinutes(1));
        var provider = Accepting();
        var next = Input with { RefusedIntent = outcome.RefusedIntent };
        await Assert.ThrowsAsync<IOException>(() => Step(provider).RunAsync(next, Ct));
        Assert.Empty(provider.Seen);

        _ledger.FailsToWithdraw = false;
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(next, Ct)).Result);
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(next, Ct)).Result);
        Assert.Single(provider.Seen);
    }

    [Fact]
    public async Task Only_the_refused_intent_is_withdrawn_and_a_lost_answer_stays_in_doubt()
    {
        var refused = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromMinutes(1));
        await _ledger.TryIntendAsync(Key, _time.GetUtcNow(), Ct);
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input with { RefusedIntent = refused }, Ct);
        Assert.Equal(ErrorCodes.SubmissionInDoubt, outcome.Error!.Code);
        Assert.Empty(provider.Seen);
    }

    [Fact]
    public async Task Rate_limit_is_waited_out_for_the_time_of_its_Retry_After()
    {
        var provider = StubHandler.Answering(429, "{}", also: r => r.Headers.Add("Retry-After", "120"));
        Assert.Equal(TimeSpan.FromMinutes(2), (await Step(provider).RunAsync(Input, Ct)).Delay);
    }

    [Theory]
    [InlineData("0", 2)]
    [InlineData("Sun, 01 Mar 2026 11:00:00 GMT", 2)]
    [InlineData("Sun, 01 Mar 2026 13:00:30 GMT", 600)]
    [InlineData("999999999", 600)]
    public async Task Wrong_provider_clock_causes_neither_a_spin_nor_a_wait_of_a_day(string retryAfter, int seconds)
    {
        _time.SetUtcNow(new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
        var provider = StubHandler.Answering(429, "{}", also: r => r.Headers.Add("Retry-After", retryAfter));
        Assert.Equal(TimeSpan.FromSeconds(seconds), (await Step(provider).RunAsync(Input, Ct)).Delay);
    }

    [Fact]
    public async Task Submission_that_was_never_sent_may_be_sent_again()
    {
        var outcome = await Step(new Unreachable()).RunAsync(Input, Ct);
        Assert.Equal((SubmitResult.Retryable, _time.GetUtcNow().AddHours(2)), (outcome.Result, outcome.Until));
        Assert.Empty(_ledger.Entries);
        Assert.Equal(SubmitResult.Accepted, (await Step(Accepting()).RunAsync(Input, Ct)).Result);
    }

    [Theory]
    [InlineData(500, "{}")]
    [InlineData(502, "<html>Bad Gateway</html>")]
    [InlineData(408, "{}")]
    [InlineData(200, "{}")]
    public async Task Possibly_accepted_submission_is_in_doubt_and_not_resubmitted(int status, string body)
    {
        var provider = StubHandler.Answering(status, body);
        Assert.Equal(ErrorCodes.SubmissionInDoubt, (await Step(provider).RunAsync(Input, Ct)).Error!.Code);
        Assert.Equal(ErrorCodes.SubmissionInDoubt, (await Step(provider).RunAsync(Input, Ct)).Error!.Code);
        Assert.Single(provider.Seen);
    }

    [Theory]
    [InlineData(400, """{"error_code":400004}""", SubmitResult.Failed)]
    [InlineData(422, "{}", SubmitResult.Failed)]
    [InlineData(429, "{}", SubmitResult.Unknown)]
    public async Task Refusal_after_a_submission_in_doubt_does_not_mean_unpaid(int status, string body, SubmitResult result)
    {
        await Step(StubHandler.Answering(500, "{}"), "resubmit").RunAsync(Input, Ct);
        var outcome = await Step(StubHandler.Answering(status, body), "resubmit").RunAsync(Input, Ct);
        Assert.Equal(result, outcome.Result);
        if (result is SubmitResult.Failed) Assert.Equal(ErrorCodes.SubmissionInDoubt, outcome.Error!.Code);
    }

    [Fact]
    public async Task Refusal_of_a_resubmission_never_withdraws_the_intent_in_doubt()
    {
        await Step(StubHandler.Answering(500, "{}"), "resubmit").RunAsync(Input, Ct);
        _ledger.FailsToWithdraw = true;
        var outcome = await Step(StubHandler.Answering(429, "{}"), "resubmit").RunAsync(Input, Ct);
        Assert.Equal((SubmitResult.Unknown, null), (outcome.Result, outcome.RefusedIntent));
    }

    [Fact]
    public async Task Shortest_poll_above_the_longest_wait_does_not_lengthen_a_wait()
    {
        _options.PollMin = TimeSpan.FromMinutes(20);
        Assert.Equal(TimeSpan.FromMinutes(10), (await Step(StubHandler.Answering(429, "{}")).RunAsync(Input, Ct)).Delay);
    }

    [Fact]
    public async Task Accepted_submission_is_counted_with_its_price_and_a_refused_one_is_not()
    {
        // All tests of the process share the counter; the currency identifies this test.
        var spent = 0.0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument == KlingTelemetry.Spent) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, amount, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "currency", Value: "XTS" }) spent += amount;
            }
        });
        listener.Start();
        var priced = Input with { Price = new Price(0.5m, "XTS", Price.PerVideo, "test") };
        await Step(StubHandler.Answering(429, "{}")).RunAsync(priced, Ct);
        Assert.Equal(0, spent);
        await Step(Accepting()).RunAsync(priced, Ct);
        Assert.Equal(0.5, spent);
    }

    [Theory]
    [InlineData(200, """{"request_id":"req-1"}""", 1, 0)]
    [InlineData(500, "{}", 0, 1)]
    [InlineData(429, "{}", 0, 0)]
    public async Task Accepted_submissions_and_those_in_doubt_are_counted(int status, string body, int submitted, int inDoubt)
    {
        // All tests of the process share the counters; the test's own flow identifies its counts.
        var flow = new AsyncLocal<bool> { Value = true };
        var counted = new List<Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument == KlingTelemetry.Submitted || instrument == KlingTelemetry.InDoubt) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, _, _) =>
        {
            if (flow.Value) counted.Add(instrument);
        });
        listener.Start();
        await Step(StubHandler.Answering(status, body)).RunAsync(Input, Ct);
        Assert.Equal((submitted, inDoubt), (counted.Count(c => c == KlingTelemetry.Submitted), counted.Count(c => c == KlingTelemetry.InDoubt)));
    }

    [Fact]
    public async Task Resubmission_stops_after_three_and_a_person_decides()
    {
        var provider = StubHandler.Answering(500, "{}");
        var outcomes = new List<SubmitOutcome>();
        for (var i = 0; i < 5; i++) outcomes.Add(await Step(provider, "resubmit").RunAsync(Input, Ct));
        Assert.Equal(3, provider.Seen.Count);
        Assert.Equal([SubmitResult.Unknown, SubmitResult.Unknown, SubmitResult.Failed, SubmitResult.Failed, SubmitResult.Failed], outcomes.Select(o => o.Result));
        Assert.Equal(ErrorCodes.SubmissionInDoubt, outcomes[^1].Error!.Code);
    }

    [Fact]
    public async Task Late_answer_is_used_instead_of_a_resubmission()
    {
        await Step(StubHandler.Answering(500, "{}"), "resubmit").RunAsync(Input, Ct);
        await _ledger.RecordAsync(Key, "req-late", _time.GetUtcNow(), Ct);
        var provider = Accepting();
        Assert.Equal("req-late", (await Step(provider, "resubmit").RunAsync(Input, Ct)).RequestId);
        Assert.Empty(provider.Seen);
    }

    [Theory]
    [InlineData("vid_1")]
    [InlineData("vid_1~3")]
    [InlineData("vid_1.1~2")]
    public async Task Late_answer_is_used_instead_of_a_resubmission_by_a_person(string key)
    {
        await _ledger.TryIntendAsync(Key, _time.GetUtcNow(), Ct);
        await _ledger.RecordAsync(key, "req-late", _time.GetUtcNow(), Ct);
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input with { Key = "vid_1.2" }, Ct);
        Assert.Equal((SubmitResult.Accepted, "req-late"), (outcome.Result, outcome.RequestId));
        Assert.Empty(provider.Seen);
    }

    [Fact]
    public async Task Paid_job_continues_though_the_ledger_can_not_be_written()
    {
        _ledger.FailsToRecord = true;
        var outcome = await Step(Accepting()).RunAsync(Input, Ct);
        Assert.Equal((SubmitResult.Accepted, "req-1"), (outcome.Result, outcome.RequestId));
    }

    [Fact]
    public async Task Stored_image_without_a_link_fails_before_an_intent_is_written()
    {
        var stored = System.Text.Json.JsonElement.Parse("""{"prompt":"@Image1","elements":[],"image_urls":["asset:a/b.png"]}""");
        var provider = Accepting();
        var outcome = await Step(provider).RunAsync(Input with { Input = stored }, Ct);
        Assert.Equal("image_unreachable", outcome.Error!.Code);
        Assert.Empty(_ledger.Entries);
        Assert.Empty(provider.Seen);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public async Task Image_that_was_replaced_since_its_upload_is_not_paid_for(bool isKnown, bool isSame)
    {
        byte[] first = Picture.File("picture.png"), second = Picture.File("baseline.jpg");
        var image = isKnown ? new UploadedImage("spin/one.png", Convert.ToHexStringLower(SHA256.HashData(first))) : null;
        var stored = System.Text.Json.JsonElement.Parse("""{"prompt":"@Image1","elements":[],"image_urls":["asset:spin/one.png"]}""");
        var provider = Accepting();
        var step = Step(provider, delivery: new(KlingO1.Contract, new OneImage(isSame ? first : second), Options.Create(new AssetOptions())));
        var outcome = await step.RunAsync(Input with { Input = stored, Image = image }, Ct);
        if (image is null || isSame)
        {
            Assert.Equal(SubmitResult.Accepted, outcome.Result);
            return;
        }
        Assert.Equal((SubmitResult.Failed, "image_unreachable"), (outcome.Result, outcome.Error!.Code));
        Assert.Empty(provider.Seen);
        Assert.Empty(_ledger.Entries);
    }

    [Fact]
    public async Task Submission_past_the_daily_cap_is_not_sent_until_midnight()
    {
        _options.MaxJobsPerDay = 1;
        _time.SetUtcNow(new(2026, 3, 1, 23, 30, 0, TimeSpan.Zero));
        var provider = Accepting();
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(Input, Ct)).Result);

        var other = Input with { JobId = "vid_2", Key = "vid_2" };
        var outcome = await Step(provider).RunAsync(other, Ct);
        Assert.Equal((SubmitResult.Retryable, "daily_cap_reached", TimeSpan.FromMinutes(30)), (outcome.Result, outcome.Error!.Code, outcome.Delay));
        Assert.Null(outcome.Until);
        Assert.Single(provider.Seen);
        Assert.DoesNotContain("vid_2", _ledger.Entries.Keys);

        _time.Advance(outcome.Delay!.Value);
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(other, Ct)).Result);
    }

    [Fact]
    public async Task Resubmission_counts_for_the_cap_like_any_other_submission()
    {
        _options.MaxJobsPerDay = 1;
        Assert.Equal(ErrorCodes.SubmissionInDoubt, (await Step(StubHandler.Answering(500, "{}")).RunAsync(Input, Ct)).Error!.Code);
        var provider = Accepting();
        Assert.Equal("daily_cap_reached", (await Step(provider).RunAsync(Input with { Key = "vid_1.1" }, Ct)).Error!.Code);
        Assert.Empty(provider.Seen);
    }

    [Fact]
    public async Task Resubmission_by_setting_waits_for_the_cap_and_stays_in_doubt()
    {
        _options.MaxJobsPerDay = 1;
        Assert.Equal(SubmitResult.Unknown, (await Step(StubHandler.Answering(500, "{}"), "resubmit").RunAsync(Input, Ct)).Result);
        var provider = Accepting();
        var outcome = await Step(provider, "resubmit").RunAsync(Input, Ct);
        Assert.Equal((SubmitResult.Unknown, "daily_cap_reached"), (outcome.Result, outcome.Error!.Code));
        Assert.Empty(provider.Seen);
    }

    [Fact]
    public async Task Crash_between_count_and_POST_does_not_count_twice()
    {
        _options.MaxJobsPerDay = 2;
        _documents.Before = (call, name) =>
        {
            if (call == "write") throw new IOException("The host died.");
        };
        await Assert.ThrowsAsync<IOException>(() => Step(Accepting()).RunAsync(Input, Ct));
        _documents.Before = null;
        await Turns.Of(_options, _documents, _ledger, _time).FindHindranceAsync("vid_1", Key, Input.Input, Ct);
        Assert.Equal(SubmitResult.Accepted, (await Step(Accepting()).RunAsync(Input, Ct)).Result);
        Assert.Equal(SubmitResult.Accepted, (await Step(Accepting()).RunAsync(Input with { JobId = "vid_2", Key = "vid_2" }, Ct)).Result);
    }

    [Fact]
    public async Task Submission_counts_for_the_day_in_which_it_is_sent()
    {
        _options.MaxJobsPerDay = 1;
        _time.SetUtcNow(new(2026, 3, 1, 23, 59, 59, TimeSpan.Zero));
        _documents.Before = (call, name) =>
        {
            if (call == "write" && name.EndsWith("01", StringComparison.Ordinal)) _time.Advance(TimeSpan.FromSeconds(2));
        };
        var provider = Accepting();
        Assert.Equal(SubmitResult.Retryable, (await Step(provider).RunAsync(Input, Ct)).Result);
        Assert.Empty(_ledger.Entries);
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(Input, Ct)).Result);
        Assert.Equal("daily_cap_reached", (await Step(provider).RunAsync(Input with { JobId = "vid_2", Key = "vid_2" }, Ct)).Error!.Code);
        Assert.Single(provider.Seen);
    }

    [Fact]
    public async Task Job_without_a_slot_is_not_submitted()
    {
        _options.MaxInFlight = 1;
        var provider = Accepting();
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(Input, Ct)).Result);
        var other = Input with { JobId = "vid_2", Key = "vid_2" };
        Assert.Equal("in_flight_cap_reached", (await Step(provider).RunAsync(other, Ct)).Error!.Code);
        using (var quota = new Quota(_documents, _time)) Assert.Equal(["vid_2"], await quota.ReleaseSlotAsync("vid_1", 1, Ct));
        Assert.Equal(SubmitResult.Accepted, (await Step(provider).RunAsync(other, Ct)).Result);
    }

    [Fact]
    public async Task Upload_in_the_ledger_is_not_counted_again()
    {
        _options.MaxJobsPerDay = 1;
        await _ledger.RecordAsync(Key, "req-1", _time.GetUtcNow(), Ct);
        Assert.True((await Turns.Of(_options, _documents, _ledger, _time).TakeDayAsync(Key, Ct)).Granted);
        Assert.Empty(await _documents.ListAsync("quota/", Ct).ToListAsync(Ct));
    }

    private static StubHandler Accepting() => StubHandler.Answering(200, """{"request_id":"req-1"}""");

    private SubmitStep Step(HttpMessageHandler provider, string whenInDoubt = "fail", AssetDelivery? delivery = null) => new(
        Clients.On(provider, _time), _ledger, Turns.Of(_options, _documents, _ledger, _time), delivery ?? NoUploads.Delivery, Plans.First(_time), Options.Create(_options),
        Options.Create(new SubmissionOptions { WhenInDoubt = whenInDoubt }), _time, NullLogger<SubmitStep>.Instance);

    private sealed class OneImage(byte[] image) : IAssetLinks
    {
        public Task<AssetLink> LinkAsync(string path, CancellationToken cancellationToken) => Task.FromResult(new AssetLink(new("https://images.example.com/1"), null));

        public Task<Stream?> OpenAsync(string path, CancellationToken cancellationToken) => Task.FromResult<Stream?>(new MemoryStream(image));
    }

    private sealed class Unreachable : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new HttpRequestException(HttpRequestError.ConnectionError, "refused");
    }
}
