using System.Net;
using System.Text.Json;

namespace KlingFunctions.Simulator.Tests;

public class FaultTests
{
    public static TheoryData<FaultKind, int, string> Answered => new()
    {
        { FaultKind.RequestTimeout, 408, "408001" },
        { FaultKind.TooManyRequests, 429, "429001" },
        { FaultKind.ServerError, 500, "500001" },
        { FaultKind.BadGateway, 502, "<h1>502 Bad Gateway</h1>" },
        { FaultKind.Unavailable, 503, "503001" },
        { FaultKind.ErrorInOk, 200, "500001" },
        { FaultKind.EmptyBody, 200, "" },
        { FaultKind.HtmlPage, 200, "<!DOCTYPE html>" },
        { FaultKind.UnknownStatus, 200, "warming_up" },
        { FaultKind.BadToken, 400, "400004" },
        { FaultKind.NoBalance, 400, "400002" },
        { FaultKind.Forbidden, 403, "403001" },
        { FaultKind.NotFound, 404, "404001" },
    };

    [Theory]
    [MemberData(nameof(Answered))]
    public async Task Fault_affects_the_next_calls_of_its_kind_and_then_ends(FaultKind kind, int statusCode, string body)
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        provider.Host.Inject(new(ApiCall.Status, kind, Times: 2));
        for (var i = 0; i < 2; i++)
        {
            var answer = await provider.Status(id);
            Assert.Equal(statusCode, (int)answer.StatusCode);
            Assert.Contains(body, answer.Body, StringComparison.Ordinal);
            Assert.Equal("in_queue", (await provider.Result(id)).Text("status"));
        }
        Assert.Equal("in_queue", (await provider.Status(id)).Text("status"));
        Assert.Equal(3, provider.Account.Calls(ApiCall.Status, id));
    }

    [Fact]
    public async Task Broken_JSON_is_truncated_JSON()
    {
        await using var provider = await Provider.Start();
        provider.Host.Inject(new(ApiCall.Submit, FaultKind.BrokenJson));
        var answer = await provider.PostInput();
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.ThrowsAny<JsonException>(() => answer.Json);
    }

    [Theory]
    [InlineData(FaultKind.Dropped)]
    [InlineData(FaultKind.Truncated)]
    public async Task Lost_connection_is_a_network_error(FaultKind kind)
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        provider.Host.Inject(new(ApiCall.Result, kind));
        await Assert.ThrowsAsync<HttpRequestException>(() => provider.Result(id));
        Assert.Equal("in_queue", (await provider.Result(id)).Text("status"));
    }

    [Fact]
    public async Task Call_can_hang_until_the_client_gives_up()
    {
        await using var provider = await Provider.Start();
        provider.Host.Inject(new(ApiCall.Submit, FaultKind.Hang));
        using var client = new HttpClient { BaseAddress = provider.Host.BaseUrl };
        using var givesUp = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var call = client.PostAsync(Provider.Model, null, givesUp.Token);
        while (provider.Account.Calls(ApiCall.Submit) == 0) await Task.Yield();
        Assert.False(call.IsCompleted);
        await givesUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(0, provider.Account.AcceptedCount);
    }

    [Theory]
    [InlineData(FaultKind.Dropped)]
    [InlineData(FaultKind.ServerError)]
    [InlineData(FaultKind.Unavailable)]
    [InlineData(FaultKind.BadGateway)]
    public async Task Submission_can_be_lost_before_or_after_it_was_accepted(FaultKind kind)
    {
        await using var provider = await Provider.Start();
        provider.Host.Inject(new(ApiCall.Submit, kind));
        await Lost();
        Assert.Equal((1, 0, 0m), (provider.Account.Calls(ApiCall.Submit), provider.Account.AcceptedCount, provider.Account.SpentUsd));

        provider.Host.Inject(new(ApiCall.Submit, kind, Late: true));
        await Lost();
        Assert.Equal((2, 1, 0.56m), (provider.Account.Calls(ApiCall.Submit), provider.Account.AcceptedCount, provider.Account.SpentUsd));
        // The accepted request runs to its end although its client got no answer.
        provider.PassARun();
        Assert.Equal("succeeded", (await provider.Result(provider.Account.Accepted[0].RequestId)).Text("status"));

        async Task Lost()
        {
            if (kind == FaultKind.Dropped) await Assert.ThrowsAsync<HttpRequestException>(() => provider.PostInput());
            else Assert.True((int)(await provider.PostInput()).StatusCode >= 500);
        }
    }

    [Fact]
    public async Task Cancel_can_succeed_though_its_answer_is_lost()
    {
        await using var provider = await Provider.Start(new() { Faults = [new(ApiCall.Cancel, FaultKind.Dropped, Late: true)] });
        var id = await provider.Submit();
        await Assert.ThrowsAsync<HttpRequestException>(() => provider.Cancel(id));
        Assert.Equal("cancelled", (await provider.Status(id)).Text("status"));
    }

    [Theory]
    [InlineData(FaultKind.TooManyRequests)]
    [InlineData(FaultKind.Unavailable)]
    public async Task Retry_after_can_be_missing_or_seconds_or_a_date(FaultKind kind)
    {
        await using var provider = await Provider.Start(new() { Faults = [new(ApiCall.Status, kind, Times: 3)] });
        Assert.Null((await provider.Status("r")).Headers.RetryAfter);
        provider.Change(behaviour => behaviour with { RetryAfter = TimeSpan.FromSeconds(6.5) });
        Assert.Equal(TimeSpan.FromSeconds(7), (await provider.Status("r")).Headers.RetryAfter?.Delta);
        provider.Change(behaviour => behaviour with { RetryAfter = TimeSpan.FromSeconds(30), RetryAfterIsDate = true });
        Assert.Equal(provider.Clock.GetUtcNow().AddSeconds(30), (await provider.Status("r")).Headers.RetryAfter?.Date);
    }

    [Theory]
    [InlineData(1, 3630)]
    [InlineData(-1, -3570)]
    public async Task Retry_After_date_follows_the_providers_clock_which_may_be_wrong(int hoursAhead, int seconds)
    {
        await using var provider = await Provider.Start(new()
        {
            RetryAfter = TimeSpan.FromSeconds(30),
            RetryAfterIsDate = true,
            ClockSkew = TimeSpan.FromHours(hoursAhead),
            Faults = [new(ApiCall.Status, FaultKind.TooManyRequests)],
        });
        Assert.Equal(provider.Clock.GetUtcNow().AddSeconds(seconds), (await provider.Status("r")).Headers.RetryAfter?.Date);
    }

    [Fact]
    public async Task Slow_answer_is_complete_if_its_client_waits()
    {
        await using var provider = await Provider.Start(new() { SlowBytes = 20, SlowPause = TimeSpan.FromMinutes(1) });
        provider.Host.Inject(new(ApiCall.Submit, FaultKind.Slow));
        var (begun, submitted) = (provider.Clock.GetUtcNow(), provider.PostInput());
        while (!submitted.IsCompleted)
        {
            provider.Pass(30);
            await Task.Yield();
        }
        var id = (await submitted).Text("request_id");
        Assert.True(provider.Clock.GetUtcNow() - begun > TimeSpan.FromMinutes(5));
        Assert.Equal((id, FaultKind.Slow), (provider.Account.Accepted[0].RequestId, provider.Account.Accepted[0].SpoiltBy));
    }

    [Fact]
    public async Task Download_can_declare_a_greater_length_than_it_sends()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        provider.Host.Inject(new(ApiCall.Download, FaultKind.WrongLength));
        var (wrong, right) = (await provider.Fetch(url), await provider.Fetch(url));
        Assert.Equal((false, true), (wrong.IsComplete, right.IsComplete));
        Assert.Equal((right.Length + 1000, right.Bytes.Length), (wrong.Length, wrong.Bytes.Length));
    }

    [Fact]
    public async Task Download_can_be_half_of_the_file_and_look_complete()
    {
        await using var provider = await Provider.Start();
        var url = await provider.Finished();
        provider.Host.Inject(new(ApiCall.Download, FaultKind.Halved));
        var (half, whole) = (await provider.Fetch(url), await provider.Fetch(url));
        Assert.True(half.IsComplete);
        Assert.Equal(whole.Bytes[..(whole.Bytes.Length / 2)], half.Bytes);
    }

    [Fact]
    public async Task Account_lists_submissions_with_lost_answers()
    {
        await using var provider = await Provider.Start();
        await provider.Submit();
        provider.Host.Inject(new(ApiCall.Submit, FaultKind.BadGateway, Late: true));
        await provider.PostInput();
        Assert.Equal([null, FaultKind.BadGateway], provider.Account.Accepted.Select(s => s.SpoiltBy));
    }

    [Fact]
    public async Task Faults_are_applied_in_the_order_in_which_they_were_injected()
    {
        await using var provider = await Provider.Start();
        provider.Host.Inject(new(ApiCall.Status, FaultKind.BadGateway));
        provider.Host.Inject(new(ApiCall.Result, FaultKind.Unavailable, Times: int.MaxValue));
        provider.Host.Inject(new(ApiCall.Status, FaultKind.TooManyRequests));
        foreach (var expected in new[] { 502, 429, 404 }) Assert.Equal(expected, (int)(await provider.Status("r")).StatusCode);
        for (var i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.ServiceUnavailable, (await provider.Result("r")).StatusCode);
    }

    [Fact]
    public async Task Fault_is_applied_exactly_as_often_as_set_under_concurrency()
    {
        await using var provider = await Provider.Start(new() { Faults = [new(ApiCall.Status, FaultKind.BadGateway, Times: 20)] });
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => provider.Status("r")));
        Assert.Equal(20, answers.Count(answer => answer.StatusCode == HttpStatusCode.BadGateway));
    }

    [Fact]
    public async Task Simulator_stops_during_a_hanging_call()
    {
        var provider = await Provider.Start(new() { Faults = [new(ApiCall.Status, FaultKind.Hang)] });
        using var client = new HttpClient { BaseAddress = provider.Host.BaseUrl };
        var call = client.GetAsync("/v1/requests/r/status", TestContext.Current.CancellationToken);
        while (provider.Account.Calls(ApiCall.Status) == 0) await Task.Yield();
        await provider.DisposeAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => call);
    }
}
