using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

public class SubmittingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static async Task<SubmitAnswer> Submit(int status, string body, string contentType = "application/json") =>
        await Clients.On(StubHandler.Answering(status, body, contentType)).SubmitAsync(Clients.Input, Ct);

    [Theory]
    [InlineData("https://model-api.runcomfy.net")]
    [InlineData("https://model-api.runcomfy.net/v1/")]
    public async Task Input_is_sent_unchanged_to_the_models_address_with_the_token(string baseUrl)
    {
        var handler = StubHandler.Answering(200, """{"request_id":"req_1"}""");
        var answer = await Clients.On(handler, baseUrl: baseUrl).SubmitAsync(Clients.Input, Ct);

        Assert.Equal(new SubmitAnswer.Accepted("req_1"), answer);
        var (method, url, authorization, body) = Assert.Single(handler.Seen);
        Assert.Equal(HttpMethod.Post, method);
        Assert.Equal("https://model-api.runcomfy.net/v1/models/kling/kling-video-o1/image-to-video/reference", url.AbsoluteUri);
        Assert.Equal("Bearer " + Clients.Token, authorization);
        Assert.Equal(Clients.Input.GetRawText(), body);
    }

    [Theory]
    [InlineData(200, """{"request_id":"0a1b-2c","status_url":"https://elsewhere.example/v1/requests/other/status"}""", "0a1b-2c")]
    [InlineData(202, """{"request_id":"r","status":"queued"}""", "r")]
    [InlineData(201, """{"id":"only_id"}""", "only_id")]
    [InlineData(200, """{"request_id":"r","error_code":0,"error_message":null}""", "r")]
    [InlineData(200, """{"request_id":"r","error_code":555555,"error_message":"odd"}""", "r")]
    [InlineData(200, """{"request_id":"cut_off","status_url":"https://mod""", "cut_off")]
    public async Task Accepted_job_is_recognised_in_every_shape(int status, string body, string id) =>
        Assert.Equal(new SubmitAnswer.Accepted(id), await Submit(status, body));

    [Theory]
    [InlineData(400, """{"error_code":400004,"error_message":"token expired"}""", FaultClass.Auth, "token expired")]
    [InlineData(400, """{"code":400002,"message":"no balance"}""", FaultClass.Balance, "no balance")]
    [InlineData(400, """{"error":[{"errorCode":"400002","error":"no balance","debugInfo":"x"}]}""", FaultClass.Balance, "no balance")]
    [InlineData(401, "nope", FaultClass.Auth, "nope")]
    [InlineData(402, "", FaultClass.Balance, "RunComfy answered HTTP 402 without saying why.")]
    [InlineData(403, """{"error":{"code":403001,"message":"not yours"}}""", FaultClass.Auth, "not yours")]
    [InlineData(422, """{"detail":[{"loc":["body","duration"],"msg":"must be 5 or 10"}]}""", FaultClass.Job, "body.duration: must be 5 or 10")]
    [InlineData(400, """{"error_code":400001,"error":"unknown model"}""", FaultClass.Job, "unknown model")]
    [InlineData(404, "<html><head><style>p{}</style></head><body><h1>Not&nbsp;Found</h1></body></html>", FaultClass.Job, "Not Found")]
    [InlineData(405, "", FaultClass.Job, "RunComfy answered HTTP 405 without saying why.")]
    [InlineData(406, """{"detail":"no"}""", FaultClass.Job, "no")]
    [InlineData(411, """{"detail":"no length"}""", FaultClass.Job, "no length")]
    [InlineData(413, """{"detail":"too large"}""", FaultClass.Job, "too large")]
    [InlineData(414, """{"detail":"too long"}""", FaultClass.Job, "too long")]
    [InlineData(415, """{"detail":"no JSON"}""", FaultClass.Job, "no JSON")]
    [InlineData(431, """{"detail":"headers too large"}""", FaultClass.Job, "headers too large")]
    [InlineData(200, """{"error_code":400004,"error_message":"bad token","request_id":"trace-7"}""", FaultClass.Auth, "bad token")]
    [InlineData(200, """{"error_code":400002,"error_message":"no balance"}""", FaultClass.Balance, "no balance")]
    public async Task Refusal_is_classified_and_quoted(int status, string body, FaultClass expected, string sentence)
    {
        var refused = Assert.IsType<SubmitAnswer.Refused>(await Submit(status, body));
        Assert.Equal((expected, (int?)status, sentence.TrimEnd('.') + "."), (refused.Fault.Class, refused.Fault.HttpStatus, refused.Fault.Message));
    }

    [Theory]
    [InlineData(200, "")]
    [InlineData(200, "<html>gateway</html>")]
    [InlineData(200, """{"request_id":null}""")]
    [InlineData(200, """{"request_id":"../../models/x"}""")]
    [InlineData(200, """{"request_id":"\ud800"}""")]
    [InlineData(200, """{"error_code":555555}""")]
    [InlineData(200, """{"request_id":"cut""")]
    [InlineData(200, """[{"request_id":"r"}]""")]
    [InlineData(301, "")]
    [InlineData(307, "")]
    [InlineData(408, "")]
    [InlineData(407, "")]
    [InlineData(409, """{"detail":"busy"}""")]
    [InlineData(409, """{"error_code":400002,"error_message":"no balance"}""")]
    [InlineData(410, "")]
    [InlineData(412, "")]
    [InlineData(418, "")]
    [InlineData(421, "")]
    [InlineData(424, "")]
    [InlineData(425, "")]
    [InlineData(444, "")]
    [InlineData(460, "")]
    [InlineData(499, "<html>Client closed request</html>")]
    [InlineData(500, """{"error_code":400002,"request_id":"r"}""")]
    [InlineData(502, "<html>Bad gateway</html>")]
    [InlineData(504, "")]
    public async Task Answer_that_proves_no_refusal_is_in_doubt(int status, string body) =>
        Assert.IsType<SubmitAnswer.InDoubt>(await Submit(status, body));

    [Theory]
    [InlineData("""{"detail":"busy"}""", true)]
    [InlineData("", false)]
    public async Task Doubt_quotes_the_answer_if_it_has_a_sentence(string body, bool isQuoted)
    {
        var message = Assert.IsType<SubmitAnswer.InDoubt>(await Submit(409, body)).Message;
        Assert.Contains("HTTP 409", message, StringComparison.Ordinal);
        Assert.Equal(isQuoted, message.EndsWith(" It said: busy", StringComparison.Ordinal));
        Assert.Equal(isQuoted, message.Contains("It said", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rate_limit_is_a_temporary_refusal_with_its_Retry_After()
    {
        var handler = StubHandler.Answering(429, "slow down", also: r => r.Headers.Add("Retry-After", "7"));
        var refused = Assert.IsType<SubmitAnswer.Refused>(await Clients.On(handler).SubmitAsync(Clients.Input, Ct));
        Assert.Equal((FaultClass.Transient, TimeSpan.FromSeconds(7)), (refused.Fault.Class, refused.Fault.RetryAfter));
    }

    [Fact]
    public async Task Answer_that_takes_longer_than_a_minute_is_in_doubt()
    {
        var time = new FakeTimeProvider();
        var handler = new SilentHandler();
        var answer = Clients.On(handler, time).SubmitAsync(Clients.Input, Ct);
        await handler.Asked;
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.Contains("60 seconds", Assert.IsType<SubmitAnswer.InDoubt>(await answer).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Callers_cancellation_throws()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var handler = new SilentHandler();
        var answer = Clients.On(handler).SubmitAsync(Clients.Input, stop.Token);
        await handler.Asked;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
    }

    [Fact]
    public async Task Handler_with_its_own_retries_cannot_pay_twice()
    {
        var inner = StubHandler.Answering(503, "");
        var answer = await Clients.On(new RetryingHandler { InnerHandler = inner }).SubmitAsync(Clients.Input, Ct);
        Assert.IsType<SubmitAnswer.InDoubt>(answer);
        Assert.Single(inner.Seen);
    }

    [Fact]
    public async Task Messages_contain_no_token_and_no_link_signature()
    {
        var refused = Assert.IsType<SubmitAnswer.Refused>(await Submit(
            400, $$"""{"message":"Bearer {{Clients.Token}} could not fetch \"https://u:p@acct.blob.core.windows.net/in/a.png?sv=1&sig=SECRET\" today"}"""));
        Assert.Equal("Bearer [token] could not fetch \"https://acct.blob.core.windows.net/in/a.png\" today.", refused.Fault.Message);
    }

    private static readonly int[] Refusals = [400, 401, 402, 403, 404, 405, 406, 411, 413, 414, 415, 422, 429, 431];

    [Fact]
    public void Only_a_success_with_an_id_is_an_acceptance()
    {
        var anything = from status in Gen.Choose(100, 599) from body in Bodies.Any select (status, body);
        Prop.ForAll(anything.ToArbitrary(), given =>
        {
            var answer = ReplyReading.Submit(new ProviderReply(given.status, given.body, null, Clients.Token));
            return answer switch
            {
                SubmitAnswer.Accepted a => given.status is >= 200 and <= 299 && ProviderReply.IsRequestId(a.RequestId),
                SubmitAnswer.Refused { Fault: var fault } => fault.Message.Length is > 0 and <= 300 && fault.Class is not FaultClass.InDoubt
                    && (given.status is >= 200 and <= 299 || Refusals.Contains(given.status)),
                SubmitAnswer.InDoubt d => d.Message.Length > 0,
                _ => false,
            };
        }).QuickCheckThrowOnFailure();
    }

    private sealed class SilentHandler : HttpMessageHandler
    {
        private readonly TaskCompletionSource _asked = new();

        public Task Asked => _asked.Task;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            _asked.SetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new InvalidOperationException();
        }
    }

    private sealed class RetryingHandler : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await base.SendAsync(request, cancellationToken);
            return await base.SendAsync(request, cancellationToken);
        }
    }
}
