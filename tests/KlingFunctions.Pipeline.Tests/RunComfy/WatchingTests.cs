using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

public class WatchingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static ProviderReply Reply(int status, string body) => new(status, System.Text.Encoding.UTF8.GetBytes(body), null, Clients.Token);

    [Fact]
    public async Task Calls_go_to_the_requests_own_URLs_and_not_to_links_in_answers()
    {
        var handler = StubHandler.Answering(200, """{"status":"in_queue","result_url":"https://elsewhere.example/"}""");
        var client = Clients.On(handler);
        await client.GetStatusAsync("req_1", Ct);
        await client.GetResultAsync("req_1", Ct);
        await client.CancelAsync("req_1", Ct);
        Assert.Equal(
            [
                (HttpMethod.Get, "https://model-api.runcomfy.net/v1/requests/req_1/status"),
                (HttpMethod.Get, "https://model-api.runcomfy.net/v1/requests/req_1/result?include_cost=true"),
                (HttpMethod.Post, "https://model-api.runcomfy.net/v1/requests/req_1/cancel"),
            ],
            handler.Seen.Select(s => (s.Method, s.Url.AbsoluteUri)));
        Assert.All(handler.Seen, s => Assert.Equal(("Bearer " + Clients.Token, ""), (s.Authorization, s.Body)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../models")]
    [InlineData("a b")]
    public async Task Invalid_request_id_is_never_sent(string id) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Clients.On(StubHandler.Answering(200, "{}")).GetStatusAsync(id, Ct));

    [Theory]
    [InlineData("in_queue", RequestState.Queued)]
    [InlineData("queued", RequestState.Queued)]
    [InlineData("pending", RequestState.Queued)]
    [InlineData("waiting", RequestState.Queued)]
    [InlineData("starting", RequestState.Running)]
    [InlineData("processing", RequestState.Running)]
    [InlineData("in_progress", RequestState.Running)]
    [InlineData("IN-PROGRESS", RequestState.Running)]
    [InlineData("completed", RequestState.Finished)]
    [InlineData("succeeded", RequestState.Finished)]
    [InlineData("success", RequestState.Finished)]
    [InlineData("failed", RequestState.Failed)]
    [InlineData("error", RequestState.Failed)]
    [InlineData("cancelled", RequestState.Cancelled)]
    [InlineData("canceled", RequestState.Cancelled)]
    public void Every_status_word_of_known_clients_is_understood(string word, RequestState state) =>
        Assert.Equal(new StatusAnswer.Known(state, word, null), ReplyReading.Status(Reply(200, $$"""{"status":"{{word}}"}""")));

    [Theory]
    [InlineData("3", 3)]
    [InlineData("0", 0)]
    [InlineData("-1", null)]
    [InlineData("null", null)]
    [InlineData("\"soon\"", null)]
    public void Queue_position_is_optional(string position, int? expected) =>
        Assert.Equal(
            new StatusAnswer.Known(RequestState.Queued, "in_queue", expected),
            ReplyReading.Status(Reply(200, $$"""{"status":"in_queue","queue_position":{{position}}}""")));

    [Fact]
    public void Unknown_status_word_is_reported_as_unknown() =>
        Assert.Equal(new StatusAnswer.UnknownWord("marinating"), ReplyReading.Status(Reply(200, """{"status":"marinating"}""")));

    [Fact]
    public void Unknown_status_word_is_cut_at_64_characters() =>
        Assert.Equal(new StatusAnswer.UnknownWord(new('x', 64)), ReplyReading.Status(Reply(200, $$"""{"status":"{{new string('x', 65)}}"}""")));

    [Theory]
    [InlineData(500, """{"status":"in_queue"}""")]
    [InlineData(502, """{"status":"completed"}""")]
    [InlineData(500, """{"status":"cancelled"}""")]
    [InlineData(503, """{"status":"marinating"}""")]
    [InlineData(200, """{"status":"marinating","error_code":555555}""")]
    [InlineData(200, """{"status":"failed","error_code":400005}""")]
    public void Status_word_of_an_answer_with_an_error_is_not_believed(int status, string body) =>
        Assert.Equal(FaultClass.Transient, Assert.IsType<StatusAnswer.Faulted>(ReplyReading.Status(Reply(status, body))).Fault.Class);

    [Theory]
    [InlineData(400, """{"status":"in_queue","error_code":400005}""", RequestState.Queued)]
    [InlineData(200, """{"status":"in_progress","error_code":400002}""", RequestState.Running)]
    public void Job_that_waits_or_runs_is_believed_beside_these_codes(int status, string body, RequestState state) =>
        Assert.Equal(state, Assert.IsType<StatusAnswer.Known>(ReplyReading.Status(Reply(status, body))).State);

    [Theory]
    [InlineData(200, "{}", null)]
    [InlineData(404, "", FaultClass.NotFound)]
    [InlineData(200, """{"error_code":404001}""", FaultClass.NotFound)]
    [InlineData(400, """{"error_code":400001}""", FaultClass.NotFound)]
    [InlineData(401, "", FaultClass.Auth)]
    [InlineData(400, """{"error_code":400002}""", FaultClass.Balance)]
    [InlineData(500, "", FaultClass.Transient)]
    [InlineData(200, """{"error_code":555555}""", FaultClass.Transient)]
    public void Free_call_fails_by_its_status_or_its_code(int status, string body, FaultClass? expected) =>
        Assert.Equal(expected, ReplyReading.Trouble(Reply(status, body))?.Class);

    [Theory]
    [InlineData(400, """{"error_code":400004,"message":"expired"}""", FaultClass.Auth)]
    [InlineData(401, "", FaultClass.Auth)]
    [InlineData(403, """{"error_code":403001}""", FaultClass.Auth)]
    [InlineData(400, """{"error_code":400002}""", FaultClass.Balance)]
    [InlineData(402, "", FaultClass.Balance)]
    [InlineData(404, """{"error_code":404001}""", FaultClass.NotFound)]
    [InlineData(200, """{"error_code":404001,"status":"failed"}""", FaultClass.NotFound)]
    [InlineData(200, """{"status":"error","error_code":400004}""", FaultClass.Auth)]
    [InlineData(404, "<html>no such route</html>", FaultClass.Transient)]
    [InlineData(400, """{"message":"?"}""", FaultClass.Transient)]
    [InlineData(429, "", FaultClass.Transient)]
    [InlineData(302, "", FaultClass.Transient)]
    [InlineData(502, "<html>Bad gateway</html>", FaultClass.Transient)]
    [InlineData(500, """{"status":"failed"}""", FaultClass.Transient)]
    [InlineData(200, """{"error":"internal"}""", FaultClass.Transient)]
    [InlineData(200, "<html></html>", FaultClass.Transient)]
    [InlineData(200, """{"status":""", FaultClass.Transient)]
    [InlineData(200, """{"status":7}""", null)]
    public void Paid_job_is_given_up_only_after_a_certain_failure(int status, string body, FaultClass? expected)
    {
        Assert.Equal(expected, (ReplyReading.Status(Reply(status, body)) as StatusAnswer.Faulted)?.Fault.Class);
        Assert.Equal(expected, (ReplyReading.Result(Reply(status, body)) as ResultAnswer.Faulted)?.Fault.Class);
    }

    [Fact]
    public void Files_are_named_by_their_place_and_the_primary_video_is_first()
    {
        var answer = ReplyReading.Result(Reply(200, """
            {"status":"succeeded","output":{
              "images":["https://h/i1"," https://h/i2 ",""],"image":"https://h/i1",
              "videos":["https://h/v1","https://h/v2",{"url":"https://h/v3"},null],"video":"https://h/v1"}}
            """));
        Assert.Equal(
            [
                new OutputFile("video", OutputKind.Video, "https://h/v1"),
                new OutputFile("videos-2", OutputKind.Video, "https://h/v2"),
                new OutputFile("videos-3", OutputKind.Video, "https://h/v3"),
                new OutputFile("image", OutputKind.Image, "https://h/i1"),
                new OutputFile("images-2", OutputKind.Image, "https://h/i2"),
            ],
            Assert.IsType<ResultAnswer.Succeeded>(answer).Files);
    }

    [Theory]
    [InlineData("""{"status":"completed","output":{"video":"https://h/v"}}""", 1)]
    [InlineData("""{"status":"succeeded","output":{"videos":"https://h/v"}}""", 1)]
    [InlineData("""{"output":{"video":{"url":"https://h/v","file_size":9}}}""", 1)]
    [InlineData("""{"status":"hooray","output":{"video":"https://h/v"}}""", 1)]
    [InlineData("""{"status":"succeeded"}""", 0)]
    [InlineData("""{"status":"succeeded","output":null}""", 0)]
    public void Success_is_recognised_by_status_word_or_output(string body, int files) =>
        Assert.Equal(files, Assert.IsType<ResultAnswer.Succeeded>(ReplyReading.Result(Reply(200, body))).Files.Count);

    [Theory]
    [InlineData("""{"status":"completed","output":"https://h/v.mp4"}""")]
    [InlineData("""{"status":"completed","output":"https://h/v"}""")]
    [InlineData("""{"status":"completed","output":["https://h/v.mp4"]}""")]
    [InlineData("""{"status":"completed","output":[{"url":"https://h/v.mp4"}]}""")]
    [InlineData("""{"status":"completed","output":{"url":"https://h/v.mp4"}}""")]
    [InlineData("""{"status":"completed","output":{"video_url":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","output":{"video":{"uri":"https://h/v"}}}""")]
    [InlineData("""{"status":"completed","output":{"videos":[{"video":{"url":"https://h/v","file_size":1}}]}}""")]
    [InlineData("""{"status":"completed","output":{"result":{"files":[{"content_type":"video/mp4","href":"https://h/v"}]}}}""")]
    [InlineData("""{"status":"completed","output":"{\"video\":\"https://h/v\"}"}""")]
    [InlineData("""{"status":"completed","output":{"video":null,"videos":[],"mp4":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","output":{"image":"https://h/v.mp4"}}""")]
    [InlineData("""{"status":"completed","output":{"thumbnail":"https://h/t.jpg","preview":"https://h/p.mp4","file":"https://h/v.mp4"}}""")]
    [InlineData("""{"status":"completed","outputs":[{"url":"https://h/v.mp4"}]}""")]
    [InlineData("""{"status":"completed","result":{"video":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","result":{"output":{"videos":["https://h/v"]}}}""")]
    [InlineData("""{"status":"completed","data":{"task_result":{"videos":[{"id":"1","url":"https://h/v","duration":"5"}]}}}""")]
    [InlineData("""{"status":"completed","video":{"url":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","videos":["https://h/v"],"input":{"image_urls":["https://h/i.png"]},"status_url":"https://h/s"}""")]
    [InlineData("""{"state":"succeed","output":{"video":"https://h/v"}}""")]
    [InlineData("""{"data":{"status":"completed","video":"https://h/v"}}""")]
    [InlineData("""{"video_result":"//h/v.mp4","output":{"video":"//h/v"}}""")]
    [InlineData("""{"status":"completed","output":{"result_url":"https://h/v.mp4"}}""")]
    [InlineData("""{"status":"completed","result_url":"https://h/result","output":{"metadata":{"download":"https://h/v.mp4"}}}""")]
    [InlineData("""{"status":"completed","output":{"video_with_audio":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","output":{"image_to_video":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","output":{"video_cover":"https://h/c","audio":"https://h/a","image_to_video":"https://h/v"}}""")]
    [InlineData("""{"output":{"url":"https://h/v"}}""")]
    [InlineData("""{"output":["https://h/v"]}""")]
    [InlineData("\"https://h/v.mp4\"")]
    [InlineData("""["https://h/v.mp4"]""")]
    [InlineData("""{"status":"completed","progress":NaN,"eta":-Infinity,"output":{"video":"https://h/v"}}""")]
    [InlineData("""{"status":"completed","output":{"videos":["https://h/v",],},}""")]
    [InlineData("{\"status\":\"completed\",\"output\":{\"video\":\"https://h/v\"}}\n<!-- cached -->")]
    public void Video_is_found_wherever_the_answer_names_it(string body)
    {
        var files = Assert.IsType<ResultAnswer.Succeeded>(ReplyReading.Result(Reply(200, body))).Files;
        Assert.Equal(("video", OutputKind.Video), (files[0].Name == "videos-1" ? "video" : files[0].Name, files[0].Kind));
        Assert.Contains(files[0].Url, (string[])["https://h/v", "https://h/v.mp4", "//h/v"]);
        Assert.Equal(files.Count, files.Select(file => file.Name).Distinct().Count());
        Assert.Equal(files.Count, files.Select(file => file.Url).Distinct().Count());
    }

    [Fact]
    public void Video_is_found_in_any_nesting_but_never_among_the_inputs()
    {
        var key = Gen.Elements("output", "result", "data", "video", "files", "url", "outputs", "response", "items", "0");
        var shape = from keys in key.ListOf(5) from inArray in Gen.Elements(true, false).ListOf(5) select (keys, inArray);
        Prop.ForAll(shape.ToArbitrary(), given =>
        {
            var json = given.keys.Zip(given.inArray).Aggregate(
                "\"https://h/v.mp4\"", (inner, level) => level.Second ? $"{{\"{level.First}\":[{inner}]}}" : $"{{\"{level.First}\":{inner}}}");
            var body = $"{{\"status\":\"completed\",\"input\":{{\"image_urls\":[\"https://h/i.png\"]}},\"made\":{json}}}";
            return ReplyReading.Result(Reply(200, body)) is ResultAnswer.Succeeded { Files: [{ Name: "video", Url: "https://h/v.mp4" }] };
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("""{"output":{"log":{"status_url":"https://h/s"}}}""")]
    [InlineData("""{"detail":"https://h/docs"}""")]
    public void Answer_without_a_state_and_without_output_is_asked_for_again(string body) =>
        Assert.IsType<ResultAnswer.Faulted>(ReplyReading.Result(Reply(200, body)));

    [Theory]
    [InlineData("""{"status":"marinating","output":{"page":"https://h/live"}}""")]
    [InlineData("""{"status":"marinating","request":{"image_urls":["https://h/i.mp4"]}}""")]
    [InlineData("""{"status":"success","data":{"status":"in_progress"}}""")]
    [InlineData("""{"status_url":"https://h/s.mp4","status":"marinating"}""")]
    public void Answer_that_names_no_output_is_not_a_success(string body) =>
        Assert.IsType<ResultAnswer.NotReady>(ReplyReading.Result(Reply(200, body)));

    [Theory]
    [InlineData("\"NSFW content\"", "NSFW content")]
    [InlineData("""{"type":"policy","message":"NSFW content"}""", "NSFW content")]
    [InlineData("""[{"errorCode":1,"error":"NSFW content","debugInfo":"stack"}]""", "NSFW content")]
    [InlineData("null", "RunComfy says that the job failed, and gives no reason.")]
    [InlineData("[]", "RunComfy says that the job failed, and gives no reason.")]
    public void Failure_is_quoted_from_any_shape_of_error(string error, string sentence) =>
        Assert.Equal(new ResultAnswer.Failed(sentence), ReplyReading.Result(Reply(200, $$"""{"status":"failed","error":{{error}}}""")));

    [Fact]
    public void Failure_may_name_its_reason_beside_the_error() =>
        Assert.Equal(new ResultAnswer.Failed("too dark"), ReplyReading.Result(Reply(200, """{"status":"failed","failure_reason":"too dark","error_code":777777}""")));

    [Theory]
    [InlineData(200, """{"status":"in_progress"}""", RequestState.Running)]
    [InlineData(200, """{"status":"in_queue"}""", RequestState.Queued)]
    [InlineData(400, """{"error_code":400005,"error_message":"not ready"}""", null)]
    [InlineData(400, """{"error_code":400005,"status":"in_progress"}""", RequestState.Running)]
    [InlineData(200, """{"status":"marinating"}""", null)]
    public void Unfinished_result_is_recognized_in_more_than_one_form(int status, string body, RequestState? state) =>
        Assert.Equal(state, Assert.IsType<ResultAnswer.NotReady>(ReplyReading.Result(Reply(status, body))).State?.State);

    [Fact]
    public void Cancelled_job_has_no_result() =>
        Assert.IsType<ResultAnswer.Cancelled>(ReplyReading.Result(Reply(200, """{"status":"canceled"}""")));

    [Theory]
    [InlineData(202, """{"status":"completed","outcome":"cancelled"}""", typeof(CancelAnswer.Cancelled))]
    [InlineData(200, """{"status":"cancelled"}""", typeof(CancelAnswer.Cancelled))]
    [InlineData(202, """{"status":"cancelled","outcome":"not_cancellable"}""", typeof(CancelAnswer.NotCancellable))]
    [InlineData(409, """{"outcome":"not_cancellable"}""", typeof(CancelAnswer.NotCancellable))]
    [InlineData(200, """{"status":"not_cancellable"}""", typeof(CancelAnswer.NotCancellable))]
    [InlineData(200, """{"outcome":"NOT_CANCELABLE"}""", typeof(CancelAnswer.NotCancellable))]
    [InlineData(200, """{"outcome":" Canceled "}""", typeof(CancelAnswer.Cancelled))]
    [InlineData(200, """{"outcome":"cancelled","error_code":555555}""", typeof(CancelAnswer.Faulted))]
    [InlineData(200, "{}", typeof(CancelAnswer.Faulted))]
    [InlineData(202, """{"status":"cancellation_requested"}""", typeof(CancelAnswer.Faulted))]
    [InlineData(500, """{"outcome":"cancelled"}""", typeof(CancelAnswer.Faulted))]
    public void Cancel_is_decided_by_its_outcome(int status, string body, Type expected) =>
        Assert.IsType(expected, ReplyReading.Cancel(Reply(status, body)));

    [Theory]
    [InlineData("120", 120)]
    [InlineData("Thu, 01 Jan 2026 00:00:30 GMT", 30)]
    [InlineData("Wed, 31 Dec 2025 23:00:00 GMT", 0)]
    [InlineData("Fri, 01 Jan 2027 00:00:00 GMT", 86400)]
    [InlineData("soon", null)]
    [InlineData("-5", null)]
    public async Task Retry_After_may_be_seconds_or_a_date(string header, int? seconds)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var handler = StubHandler.Answering(503, "", also: r => r.Headers.TryAddWithoutValidation("Retry-After", header));
        var fault = Assert.IsType<StatusAnswer.Faulted>(await Clients.On(handler, time).GetStatusAsync("r", Ct)).Fault;
        Assert.Equal(seconds, (int?)fault.RetryAfter?.TotalSeconds);
    }

    [Fact]
    public async Task Network_failure_is_a_temporary_answer()
    {
        var client = Clients.On(new StubHandler(_ => throw new HttpRequestException(HttpRequestError.NameResolutionError)));
        var fault = Assert.IsType<StatusAnswer.Faulted>(await client.GetStatusAsync("r", Ct)).Fault;
        Assert.Equal(new ProviderFault(FaultClass.Transient, null, null, "RunComfy's host name could not be resolved.", null), fault);
    }

    [Fact]
    public void Any_answer_has_one_meaning_and_throws_nothing()
    {
        var anything = from status in Gen.Choose(100, 599) from body in Bodies.Any select (status, body);
        Prop.ForAll(anything.ToArbitrary(), given =>
        {
            var reply = new ProviderReply(given.status, given.body, null, Clients.Token);
            var result = ReplyReading.Result(reply);
            return ReplyReading.Status(reply) is not null
                && ReplyReading.Cancel(reply) is not null
                && (result is not (ResultAnswer.Succeeded or ResultAnswer.Failed or ResultAnswer.Cancelled) || reply.IsSuccess);
        }).QuickCheckThrowOnFailure();
    }
}
