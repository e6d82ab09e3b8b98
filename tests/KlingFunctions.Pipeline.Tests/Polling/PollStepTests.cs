using System.Net;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Polling;

public class PollStepTests
{
    private const string InQueue = """{"status":"in_queue","queue_position":3}""";
    private const string Completed = """{"status":"completed"}""";
    private const string Lost = """{"error_code":404001,"error_message":"no such request"}""";

    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryDocuments _documents = new();

    [Theory]
    [InlineData(200, InQueue, PollResult.Queued, "in_queue", 3)]
    [InlineData(200, """{"status":"in_queue"}""", PollResult.Queued, "in_queue", null)]
    [InlineData(200, """{"status":"in_progress","queue_position":0}""", PollResult.Running, "in_progress", null)]
    [InlineData(200, """{"status":"cancelled"}""", PollResult.Cancelled, "cancelled", null)]
    public async Task Poll_reports_the_providers_status(int http, string status, PollResult result, string word, int? position)
    {
        var outcome = await PollAsync((http, status));
        Assert.Equal((result, word, position, null, 0), (outcome.Result, outcome.Word, outcome.QueuePosition, outcome.PendingIssue, outcome.NotFoundPolls));
        Assert.Null(outcome.Error);
    }

    [Theory]
    [InlineData(500, "{}", "provider_unavailable")]
    [InlineData(429, "{}", "provider_unavailable")]
    [InlineData(200, "<html>", "provider_unavailable")]
    [InlineData(200, "", "provider_unavailable")]
    [InlineData(200, """{"status":"pondering"}""", "provider_status_unknown")]
    [InlineData(400, """{"error_code":400004}""", "provider_auth")]
    [InlineData(400, """{"error_code":400002}""", "provider_balance")]
    [InlineData(404, Lost, "provider_unavailable")]
    public async Task Error_or_unreadable_status_is_shown_and_waited_out(int http, string status, string code)
    {
        var outcome = await PollAsync((http, status));
        Assert.Equal((PollResult.Unknown, code, null), (outcome.Result, outcome.PendingIssue?.Code, outcome.Error));
        Assert.True(outcome.Delay > TimeSpan.Zero);
    }

    [Theory]
    [InlineData(200, """{"status":"succeeded","output":{"video":"https://f.runcomfy.net/v.mp4"}}""", PollResult.Succeeded, null)]
    [InlineData(200, """{"status":"succeeded","output":{}}""", PollResult.Succeeded, null)]
    [InlineData(200, """{"status":"failed","error":"unsafe content"}""", PollResult.Failed, ErrorCodes.ProviderFailed)]
    [InlineData(200, """{"status":"cancelled"}""", PollResult.Cancelled, null)]
    [InlineData(200, """{"status":"in_progress"}""", PollResult.Unknown, null)]
    [InlineData(400, """{"error_code":400005}""", PollResult.Unknown, null)]
    [InlineData(502, "<html>", PollResult.Unknown, null)]
    [InlineData(404, Lost, PollResult.Unknown, null)]
    public async Task Result_decides_once_the_status_says_ended(int http, string result, PollResult expected, string? code)
    {
        var outcome = await PollAsync((200, Completed), (http, result));
        Assert.Equal((expected, code), (outcome.Result, outcome.Error?.Code));
        Assert.Equal(expected is PollResult.Unknown, outcome.PendingIssue is not null);
    }

    [Theory]
    [InlineData(200, """{"status":"pondering"}""")]
    [InlineData(200, """{"message":"hello"}""")]
    [InlineData(200, "")]
    [InlineData(404, "<html>no such route</html>")]
    [InlineData(404, Lost)]
    public async Task Result_decides_if_the_status_has_no_state(int http, string status)
    {
        var outcome = await PollAsync((http, status), (200, """{"status":"succeeded","output":{"video":"https://f.runcomfy.net/v.mp4"}}"""));
        Assert.Equal(PollResult.Succeeded, outcome.Result);
        Assert.Equal(PollResult.Failed, (await PollAsync((http, status), (200, """{"status":"failed"}"""))).Result);
        Assert.Equal(PollResult.Unknown, (await PollAsync((http, status), (200, """{"status":"in_progress"}"""))).Result);
        Assert.Equal(PollResult.Unknown, (await PollAsync((http, status), (502, ""))).Result);
    }

    [Fact]
    public async Task Failure_keeps_the_providers_own_words()
    {
        var outcome = await PollAsync((200, Completed), (200, """{"status":"failed","error":{"message":"unsafe content"}}"""));
        Assert.Contains("unsafe content", outcome.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Request_reported_as_failed_has_failed_without_a_result() =>
        Assert.Equal(ErrorCodes.ProviderFailed, (await PollAsync((200, """{"status":"failed"}"""), (404, Lost))).Error!.Code);

    [Fact]
    public async Task Ten_consecutive_not_found_answers_mean_expired()
    {
        var missing = 0;
        for (var time = 1; time < 10; time++)
        {
            var outcome = await PollAsync(new Before(FailedPolls: time - 1, missing), (404, Lost));
            Assert.Equal((PollResult.Unknown, time), (outcome.Result, outcome.NotFoundPolls));
            missing = outcome.NotFoundPolls;
        }
        Assert.Equal(ErrorCodes.ProviderExpired, (await PollAsync(new Before(FailedPolls: 9, missing), (404, Lost))).Error!.Code);
    }

    [Theory]
    [InlineData(502, "<html>")]
    [InlineData(200, InQueue)]
    [InlineData(200, """{"status":"pondering"}""")]
    public async Task Any_other_answer_in_between_restarts_the_count(int http, string status) =>
        Assert.Equal(0, (await PollAsync(new Before(FailedPolls: 9, NotFoundPolls: 9), (http, status))).NotFoundPolls);

    [Fact]
    public async Task One_not_found_after_other_faults_is_not_the_end() =>
        Assert.Equal(PollResult.Unknown, (await PollAsync(new Before(FailedPolls: 40, NotFoundPolls: 0), (404, Lost))).Result);

    [Fact]
    public async Task Failing_provider_is_polled_with_backoff_or_by_its_Retry_After()
    {
        var delays = new List<TimeSpan>();
        for (var faults = 0; faults < 4; faults++) delays.Add((await PollAsync(new Before(faults, 0), (500, "{}"))).Delay);
        Assert.Equal(delays.Order(), delays);
        Assert.True(delays[^1] > delays[0] * 2);

        var asked = await PollAsync(new Before(0, 0), Handler((503, "{}"), r => r.Headers.Add("Retry-After", "90")));
        Assert.InRange(asked.Delay, TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(100));
    }

    [Theory]
    [InlineData("""{"status":"succeeded","output":{"video":"https://f.runcomfy.net/v.mp4"},"created_at":"2020-01-01T00:00:00Z","finished_at":"2020-01-01T00:02:30Z"}""", 150.0)]
    [InlineData("""{"status":"failed","error":"unsafe","created_at":"2020-01-01T00:00:00Z","finished_at":"2020-01-01T00:00:07.5Z"}""", 7.5)]
    [InlineData("""{"status":"succeeded","output":{"video":"https://f.runcomfy.net/v.mp4"},"created_at":"2020-01-01T00:00:00Z","finished_at":"2019-01-01T00:00:00Z"}""", null)]
    [InlineData("""{"status":"failed","error":"unsafe"}""", null)]
    public async Task Run_time_is_learned_from_the_times_in_the_result(string result, double? seconds)
    {
        await PollAsync((200, Completed), (200, result));
        var learned = await _documents.ReadAsync("learned/kling/kling-video-o1/image-to-video/reference/5.json", TestContext.Current.CancellationToken);
        Assert.Equal(seconds is null, learned is null);
        if (seconds is not null) Assert.Contains(FormattableString.Invariant($"[{seconds}]"), learned!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_time_without_times_is_the_middle_between_two_polls()
    {
        var start = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromSeconds(100));
        var running = await PollAsync(new Before(0, 0, SubmittedAt: start), (200, """{"status":"in_progress"}"""));
        _time.Advance(TimeSpan.FromSeconds(20));
        await PollAsync(new Before(0, 0, running.Seen, start), (200, Completed), (200, """{"status":"succeeded","output":{"video":"https://f.runcomfy.net/v.mp4"}}"""));
        var learned = await _documents.ReadAsync("learned/kling/kling-video-o1/image-to-video/reference/5.json", TestContext.Current.CancellationToken);
        Assert.Contains("[110]", learned!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Known_run_times_give_the_expected_end()
    {
        Assert.Null((await PollAsync((200, """{"status":"in_progress"}"""))).ExpectedAt);
        await Plans.Learned(_documents, _time).AddAsync("5", TimeSpan.FromMinutes(3), null, TestContext.Current.CancellationToken);
        var expected = (await PollAsync((200, """{"status":"in_progress"}"""))).ExpectedAt!.Value;
        Assert.InRange(expected, _time.GetUtcNow().AddMinutes(2.5), _time.GetUtcNow().AddMinutes(3.5));
    }

    [Fact]
    public async Task Retry_After_in_the_queue_is_obeyed() =>
        Assert.InRange(
            (await PollAsync(new Before(0, 0), Handler((200, InQueue), r => r.Headers.Add("Retry-After", "90")))).Delay,
            TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(100));

    private Task<PollOutcome> PollAsync(params (int Http, string Body)[] answers) => PollAsync(new Before(0, 0), answers);

    private Task<PollOutcome> PollAsync(Before before, params (int Http, string Body)[] answers) =>
        PollAsync(before, new StubHandler(request => Answer(answers[request.RequestUri!.AbsolutePath.EndsWith("/result", StringComparison.Ordinal) ? 1 : 0])));

    private Task<PollOutcome> PollAsync(Before before, HttpMessageHandler provider) =>
        new PollStep(Clients.On(provider, _time), Plans.Learned(_documents, _time), Plans.Usual, _time)
            .RunAsync(
                new("vid_1", "req-1", before.SubmittedAt ?? _time.GetUtcNow(), before.FailedPolls, before.NotFoundPolls, "5", before.Seen), TestContext.Current.CancellationToken);

    private static StubHandler Handler((int Http, string Body) answer, Action<HttpResponseMessage> also) => new(_ =>
    {
        var response = Answer(answer);
        also(response);
        return response;
    });

    private static HttpResponseMessage Answer((int Http, string Body) answer) =>
        new((HttpStatusCode)answer.Http) { Content = new StringContent(answer.Body) };

    /// <summary>The consecutive failed polls before this one, and how many of them were answered with not found.</summary>
    private sealed record Before(int FailedPolls, int NotFoundPolls, Sightings? Seen = null, DateTimeOffset? SubmittedAt = null);
}
