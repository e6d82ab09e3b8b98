using System.Net;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator.Tests;

/// <summary>Each point that the documentation leaves open has a knob for every variant.</summary>
public class KnobTests
{
    [Fact]
    public async Task Error_can_have_any_shape()
    {
        await using var provider = await Provider.Start();
        async Task<Answer> With(ErrorShape shape)
        {
            provider.Change(behaviour => behaviour with { ErrorShape = shape });
            var answer = await provider.Status("nobody");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            return answer;
        }

        Assert.Equal(["error_code", "message"], Keys(await With(ErrorShape.Documented)));
        Assert.Equal(["error_code", "error_message"], Keys(await With(ErrorShape.ErrorMessage)));
        Assert.Equal(["code", "message"], Keys(await With(ErrorShape.CodeMessage)));
        var detail = (await With(ErrorShape.DetailArray)).Json["detail"]!.AsArray();
        Assert.Contains("unknown", Assert.Single(detail)!["msg"]!.GetValue<string>(), StringComparison.Ordinal);
        var text = await With(ErrorShape.PlainText);
        Assert.Equal("text/plain", text.ContentHeaders.ContentType?.MediaType);
        Assert.Contains("404001", text.Body, StringComparison.Ordinal);
        var html = await With(ErrorShape.Html);
        Assert.Equal("text/html", html.ContentHeaders.ContentType?.MediaType);
        Assert.StartsWith("<!DOCTYPE html>", html.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_can_have_status_200()
    {
        await using var provider = await Provider.Start(new() { ErrorsAsOk = true });
        var answer = await provider.Status("nobody");
        Assert.Equal((HttpStatusCode.OK, 404001), (answer.StatusCode, answer.Code));
    }

    [Theory]
    [InlineData(400, 400004)]
    [InlineData(401, 401001)]
    public async Task Bad_token_can_be_400_or_401(int statusCode, int code)
    {
        await using var provider = await Provider.Start(new() { Tokens = ["good"], BadTokenStatusCode = statusCode });
        var refused = await provider.Post(Provider.Model, Provider.Input().ToJsonString(), token: "bad");
        Assert.Equal((statusCode, code), ((int)refused.StatusCode, refused.Code));
        var accepted = await provider.Post(Provider.Model, Provider.Input().ToJsonString(), token: "good");
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
    }

    [Theory]
    [InlineData(400, 400002)]
    [InlineData(402, 10001)]
    public async Task Empty_balance_can_be_400_or_402(int statusCode, int code)
    {
        await using var provider = await Provider.Start(new() { BalanceUsd = 1, NoBalanceStatusCode = statusCode });
        await provider.Submit();
        var answer = await provider.PostInput();
        Assert.Equal((statusCode, code), ((int)answer.StatusCode, answer.Code));
        provider.Change(behaviour => behaviour with { BalanceUsd = 2 });
        Assert.Equal(HttpStatusCode.OK, (await provider.PostInput()).StatusCode);
    }

    [Fact]
    public async Task Submission_can_be_answered_with_202_and_another_name_for_the_id()
    {
        await using var provider = await Provider.Start(new() { SubmitStatusCode = 202, RequestIdField = "id" });
        var answer = await provider.PostInput();
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.False(answer.Json.ContainsKey("request_id"));
        Assert.Equal(provider.Account.Accepted[0].RequestId, answer.Text("id"));
    }

    [Fact]
    public async Task States_can_have_other_words()
    {
        await using var provider = await Provider.Start(new()
        {
            Slots = 1,
            Words = new() { Queued = "queued", Running = "processing", Completed = "succeeded", Succeeded = "success", Cancelled = "canceled" },
        });
        var first = await provider.Submit();
        var second = await provider.Submit();
        Assert.Equal("queued", (await provider.Status(first)).Text("status"));
        Assert.Equal("canceled", (await provider.Cancel(second)).Text("status"));
        Assert.Equal("canceled", (await provider.Result(second)).Text("status"));
        provider.Pass(2);
        Assert.Equal("processing", (await provider.Status(first)).Text("status"));
        provider.Pass(6);
        Assert.Equal("succeeded", (await provider.Status(first)).Text("status"));
        Assert.Equal("success", (await provider.Result(first)).Text("status"));
    }

    [Fact]
    public async Task Queue_position_can_be_missing()
    {
        await using var provider = await Provider.Start(new() { OmitsQueuePosition = true });
        Assert.Null((await provider.Status(await provider.Submit())).Position);
    }

    [Theory]
    [InlineData(false, "completed")]
    [InlineData(true, "failed")]
    public async Task Failure_shows_on_status_or_only_on_result(bool onStatus, string status)
    {
        await using var provider = await Provider.Start(new() { FailsWith = "The prompt was flagged", FailureOnStatus = onStatus });
        var id = await provider.Submit();
        provider.PassARun();
        Assert.Equal(status, (await provider.Status(id)).Text("status"));
        var result = await provider.Result(id);
        Assert.Equal(("failed", "The prompt was flagged"), (result.Text("status"), result.Text("error")));
        Assert.False(result.Json.ContainsKey("output"));
    }

    [Fact]
    public async Task Failure_knob_affects_only_submissions_made_while_it_is_set()
    {
        await using var provider = await Provider.Start(new() { FailsWith = "no" });
        var bad = await provider.Submit();
        provider.Change(behaviour => behaviour with { FailsWith = null });
        var good = await provider.Submit();
        provider.PassARun();
        Assert.Equal("failed", (await provider.Result(bad)).Text("status"));
        Assert.Equal("succeeded", (await provider.Result(good)).Text("status"));
    }

    [Fact]
    public async Task Failure_can_have_any_shape()
    {
        await using var provider = await Provider.Start(new() { FailsWith = "no" });
        var id = await provider.Submit();
        provider.PassARun();
        async Task<JsonNode> With(FailureShape shape)
        {
            provider.Change(behaviour => behaviour with { FailureShape = shape });
            return (await provider.Result(id)).Json["error"]!;
        }

        Assert.Equal("no", (await With(FailureShape.Text)).GetValue<string>());
        Assert.Equal("no", (await With(FailureShape.Fields))["message"]!.GetValue<string>());
        Assert.Equal("no", (await With(FailureShape.List))[0]!["error"]!.GetValue<string>());
    }

    [Fact]
    public async Task Unfinished_result_can_be_error_400005()
    {
        await using var provider = await Provider.Start(new() { NotReadyIsError = true });
        var id = await provider.Submit();
        var answer = await provider.Result(id);
        Assert.Equal((HttpStatusCode.BadRequest, 400005), (answer.StatusCode, answer.Code));
        provider.PassARun();
        Assert.Equal("succeeded", (await provider.Result(id)).Text("status"));
    }

    [Theory]
    [InlineData(OutputKeys.Video, "video")]
    [InlineData(OutputKeys.Videos, "videos")]
    [InlineData(OutputKeys.Video | OutputKeys.Videos, "video,videos")]
    [InlineData(OutputKeys.Videos | OutputKeys.Image, "videos,image")]
    [InlineData(OutputKeys.Video | OutputKeys.Images, "video,images")]
    [InlineData(OutputKeys.None, "")]
    public async Task Output_can_have_any_keys(OutputKeys keys, string expected)
    {
        await using var provider = await Provider.Start(new() { Outputs = keys, OutputCount = 2 });
        var id = await provider.Submit();
        provider.PassARun();
        var output = (await provider.Result(id)).Json["output"]!.AsObject();
        Assert.Equal(expected, string.Join(',', output.Select(field => field.Key)));
        foreach (var (key, value) in output)
        {
            foreach (var url in value as JsonArray ?? [value!.DeepClone()])
            {
                var file = await provider.Fetch(url!.GetValue<string>());
                var type = key.StartsWith("image", StringComparison.Ordinal) ? "image/png" : "video/mp4";
                Assert.Equal((HttpStatusCode.OK, type), (file.StatusCode, file.ContentHeaders.ContentType?.MediaType));
            }
        }
        Assert.All(output.Where(field => field.Value is JsonArray), field => Assert.Equal(2, field.Value!.AsArray().Count));
    }

    [Fact]
    public async Task Cancel_can_come_too_late_while_the_status_is_in_queue()
    {
        await using var provider = await Provider.Start(new() { RefusesCancel = true });
        var id = await provider.Submit();
        Assert.Equal("in_queue", (await provider.Status(id)).Text("status"));
        Assert.Equal("not_cancellable", (await provider.Cancel(id)).Text("outcome"));
        provider.PassARun();
        Assert.Equal("succeeded", (await provider.Result(id)).Text("status"));
    }

    [Fact]
    public async Task Cancel_can_answer_like_the_documentations_odd_example()
    {
        await using var provider = await Provider.Start(new() { OddCancelStatus = true, CancelStatusCode = 200 });
        var answer = await provider.Cancel(await provider.Submit());
        Assert.Equal((HttpStatusCode.OK, "completed", "cancelled"), (answer.StatusCode, answer.Text("status"), answer.Text("outcome")));
    }

    [Fact]
    public async Task Request_can_expire()
    {
        await using var provider = await Provider.Start(new() { RequestLifetime = TimeSpan.FromDays(7) });
        var id = await provider.Submit();
        provider.Pass(7 * 86_400 - 1);
        Assert.Equal("succeeded", (await provider.Result(id)).Text("status"));
        provider.Pass(1);
        foreach (var answer in new[] { await provider.Status(id), await provider.Result(id), await provider.Cancel(id) })
            Assert.Equal((HttpStatusCode.NotFound, 404001), (answer.StatusCode, answer.Code));
    }

    [Theory]
    [InlineData(true, 0.56)]
    [InlineData(false, 0)]
    public async Task Cancelled_and_failed_requests_are_refunded_or_not(bool charged, double spent)
    {
        await using var provider = await Provider.Start(new() { ChargesCancelled = charged, ChargesFailed = charged, FailsWith = "no" });
        var id = await provider.Submit();
        await provider.Cancel(id);
        Assert.Equal((decimal)spent, provider.Account.SpentUsd);
        var other = await provider.Submit();
        provider.PassARun();
        await provider.Status(other);
        Assert.Equal(2 * (decimal)spent, provider.Account.SpentUsd);
    }

    private static IEnumerable<string> Keys(Answer answer) => answer.Json.Select(field => field.Key);
}
