using System.Net;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Polling;

public class PollStepTests
{
    private const string InQueue = """{"status":"in_queue","queue_position":3}""";
    private const string Completed = """{"status":"completed"}""";
    private const string Lost = """{"error_code":404001,"error_message":"no such request"}""";

    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(200, InQueue, PollResult.Queued, "in_queue", 3)]
    [InlineData(200, """{"status":"in_queue"}""", PollResult.Queued, "in_queue", null)]
    [InlineData(200, """{"status":"in_progress","queue_position":0}""", PollResult.Running, "in_progress", null)]
    [InlineData(200, """{"status":"cancelled"}""", PollResult.Cancelled, "cancelled", null)]
    public async Task What_the_status_says_is_what_the_poll_says(int http, string status, PollResult result, string word, int? position)
    {
        var outcome = await PollAsync((http, status));
        Assert.Equal((result, word, position, null, 0), (outcome.Result, outcome.Word, outcome.QueuePosition, outcome.Attention, outcome.Missing));
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
    public async Task What_is_no_word_of_the_providers_about_the_request_is_shown_and_waited_out(int http, string status, string code)
    {
        var outcome = await PollAsync((http, status));
        Assert.Equal((PollResult.Unknown, code, null), (outcome.Result, outcome.Attention?.Code, outcome.Error));
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
    public async Task What_is_over_by_its_status_is_what_its_result_says(int http, string result, PollResult expected, string? code)
    {
        var outcome = await PollAsync((200, Completed), (http, result));
        Assert.Equal((expected, code), (outcome.Result, outcome.Error?.Code));
        Assert.Equal(expected is PollResult.Unknown, outcome.Attention is not null);
    }

    [Theory]
    [InlineData(200, """{"status":"pondering"}""")]
    [InlineData(200, """{"message":"hello"}""")]
    [InlineData(200, "")]
    [InlineData(404, "<html>no such route</html>")]
    [InlineData(404, Lost)]
    public async Task Where_the_status_tells_nothing_the_result_decides(int http, string status)
    {
        var outcome = await PollAsync((http, status), (200, """{"status":"succeeded","output":{"video":"https://f.runcomfy.net/v.mp4"}}"""));
        Assert.Equal(PollResult.Succeeded, outcome.Result);
        Assert.Equal(PollResult.Failed, (await PollAsync((http, status), (200, """{"status":"failed"}"""))).Result);
        Assert.Equal(PollResult.Unknown, (await PollAsync((http, status), (200, """{"status":"in_progress"}"""))).Result);
        Assert.Equal(PollResult.Unknown, (await PollAsync((http, status), (502, ""))).Result);
    }

    [Fact]
    public async Task A_failure_keeps_the_providers_own_words()
    {
        var outcome = await PollAsync((200, Completed), (200, """{"status":"failed","error":{"message":"unsafe content"}}"""));
        Assert.Contains("unsafe content", outcome.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_the_provider_says_failed_has_failed_though_there_is_no_result() =>
        Assert.Equal(ErrorCodes.ProviderFailed, (await PollAsync((200, """{"status":"failed"}"""), (404, Lost))).Error!.Code);

    [Fact]
    public async Task Only_ten_times_not_found_in_a_row_means_gone()
    {
        var missing = 0;
        for (var time = 1; time < 10; time++)
        {
            var outcome = await PollAsync(new Before(Faults: time - 1, missing), (404, Lost));
            Assert.Equal((PollResult.Unknown, time), (outcome.Result, outcome.Missing));
            missing = outcome.Missing;
        }
        Assert.Equal(ErrorCodes.ProviderExpired, (await PollAsync(new Before(Faults: 9, missing), (404, Lost))).Error!.Code);
    }

    [Theory]
    [InlineData(502, "<html>")]
    [InlineData(200, InQueue)]
    [InlineData(200, """{"status":"pondering"}""")]
    public async Task Any_other_answer_in_between_starts_the_count_anew(int http, string status) =>
        Assert.Equal(0, (await PollAsync(new Before(Faults: 9, Missing: 9), (http, status))).Missing);

    [Fact]
    public async Task Once_not_found_after_other_trouble_is_not_the_end() =>
        Assert.Equal(PollResult.Unknown, (await PollAsync(new Before(Faults: 40, Missing: 0), (404, Lost))).Result);

    [Fact]
    public async Task A_provider_that_fails_is_asked_less_and_less_often_and_one_that_says_when_is_asked_then()
    {
        var delays = new List<TimeSpan>();
        for (var faults = 0; faults < 4; faults++) delays.Add((await PollAsync(new Before(faults, 0), (500, "{}"))).Delay);
        Assert.Equal(delays.Order(), delays);
        Assert.True(delays[^1] > delays[0] * 2);

        var asked = await PollAsync(new Before(0, 0), Handler((503, "{}"), r => r.Headers.Add("Retry-After", "90")));
        Assert.InRange(asked.Delay, TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(100));
    }

    private Task<PollOutcome> PollAsync(params (int Http, string Body)[] answers) => PollAsync(new Before(0, 0), answers);

    private Task<PollOutcome> PollAsync(Before before, params (int Http, string Body)[] answers) =>
        PollAsync(before, new StubHandler(request => Answer(answers[request.RequestUri!.AbsolutePath.EndsWith("/result", StringComparison.Ordinal) ? 1 : 0])));

    private Task<PollOutcome> PollAsync(Before before, HttpMessageHandler provider) =>
        new PollStep(Clients.On(provider, _time), Options.Create(new PipelineOptions()), _time)
            .RunAsync(new("vid_1", "req-1", _time.GetUtcNow(), before.Faults, before.Missing), TestContext.Current.CancellationToken);

    private static StubHandler Handler((int Http, string Body) answer, Action<HttpResponseMessage> also) => new(_ =>
    {
        var response = Answer(answer);
        also(response);
        return response;
    });

    private static HttpResponseMessage Answer((int Http, string Body) answer) =>
        new((HttpStatusCode)answer.Http) { Content = new StringContent(answer.Body) };

    /// <summary>How many polls before this one failed in a row, and in how many of them the request was not found.</summary>
    private sealed record Before(int Faults, int Missing);
}
