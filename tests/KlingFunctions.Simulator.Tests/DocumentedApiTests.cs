using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace KlingFunctions.Simulator.Tests;

/// <summary>With default knobs the simulator is the API that RunComfy documents.</summary>
public class DocumentedApiTests
{
    [Fact]
    public async Task Submission_is_answered_with_200_an_id_and_three_absolute_links()
    {
        await using var provider = await Provider.Start();
        var answer = await provider.PostInput();
        var id = answer.Text("request_id");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Matches(new Regex("^[A-Za-z0-9_-]{1,128}$"), id);
        foreach (var link in new[] { "status", "result", "cancel" })
            Assert.Equal($"{provider.Host.BaseUrl}v1/requests/{id}/{link}", answer.Text($"{link}_url"));
        Assert.Equal(["request_id", "status_url", "result_url", "cancel_url"], answer.Json.Select(field => field.Key));
    }

    [Fact]
    public async Task Links_use_the_host_name_of_the_clients_call()
    {
        await using var provider = await Provider.Start();
        var host = $"http://localhost:{provider.Host.BaseUrl.Port}";
        var answer = await provider.Post(host + Provider.Model, Provider.Input().ToJsonString());
        Assert.StartsWith($"{host}/v1/requests/", answer.Text("status_url"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_goes_from_in_queue_over_in_progress_to_completed()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        var queued = await provider.Status(id);
        Assert.Equal(("in_queue", 1), (queued.Text("status"), queued.Position));
        Assert.Equal(id, queued.Text("request_id"));
        Assert.EndsWith($"/v1/requests/{id}/result", queued.Text("result_url"), StringComparison.Ordinal);
        provider.Pass(2);
        var running = await provider.Status(id);
        Assert.Equal(("in_progress", null), (running.Text("status"), running.Position));
        provider.Pass(6);
        Assert.Equal("completed", (await provider.Status(id)).Text("status"));
    }

    [Fact]
    public async Task Result_can_be_polled_since_it_reports_the_state_until_it_is_there()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        Assert.Equal("in_queue", (await provider.Result(id)).Text("status"));
        provider.Pass(2);
        Assert.Equal("in_progress", (await provider.Result(id)).Text("status"));
        provider.Pass(6);
        var result = await provider.Result(id);
        Assert.Equal("succeeded", result.Text("status"));
        Assert.Equal(0, provider.Account.Calls(ApiCall.Status));
    }

    [Fact]
    public async Task Success_has_an_output_and_its_created_and_finished_times()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        var created = provider.Clock.GetUtcNow();
        provider.Pass(60);
        var result = await provider.Result(id);
        Assert.Equal(["request_id", "status", "output", "created_at", "finished_at"], result.Json.Select(field => field.Key));
        Assert.Equal(created, At(result, "created_at"));
        Assert.Equal(created.AddSeconds(8), At(result, "finished_at"));
        Assert.EndsWith("_output.mp4", result.Json["output"]!["video"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Queued_request_can_be_cancelled()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        var answer = await provider.Cancel(id);
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal((id, "cancelled", "cancelled"), (answer.Text("request_id"), answer.Text("status"), answer.Text("outcome")));
        Assert.Equal("cancelled", (await provider.Status(id)).Text("status"));
        var result = await provider.Result(id);
        Assert.Equal("cancelled", result.Text("status"));
        Assert.False(result.Json.ContainsKey("output"));
    }

    [Theory]
    [InlineData(2, "in_progress")]
    [InlineData(8, "completed")]
    public async Task Running_or_finished_request_is_not_cancellable_and_continues(double seconds, string status)
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        provider.Pass(seconds);
        var answer = await provider.Cancel(id);
        Assert.Equal((HttpStatusCode.Accepted, status, "not_cancellable"),
            (answer.StatusCode, answer.Text("status"), answer.Text("outcome")));
        provider.Pass(6);
        Assert.Equal("succeeded", (await provider.Result(id)).Text("status"));
    }

    [Fact]
    public async Task Second_cancel_changes_nothing()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        await provider.Cancel(id);
        Assert.Equal("cancelled", (await provider.Cancel(id)).Text("outcome"));
        Assert.Equal(0, provider.Account.SpentUsd);
    }

    [Fact]
    public async Task Wrong_model_is_error_400001()
    {
        await using var provider = await Provider.Start();
        var answer = await provider.Post("/v1/models/kling/kling-video-o1/image-to-film", Provider.Input().ToJsonString());
        Assert.Equal((HttpStatusCode.BadRequest, 400001), (answer.StatusCode, answer.Code));
    }

    [Fact]
    public async Task Missing_token_is_error_400004_on_every_route_of_the_api()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        string[] paths = [$"/v1/requests/{id}/status", $"/v1/requests/{id}/result", "/v1/models", "/v1/models/categories", Provider.Model, "/prod/v2/balance"];
        foreach (var path in paths)
        {
            var answer = await provider.Get(path, token: null);
            Assert.Equal((path, HttpStatusCode.BadRequest, 400004), (path, answer.StatusCode, answer.Code));
        }
        Assert.Equal(400004, (await provider.Post(Provider.Model, Provider.Input().ToJsonString(), token: null)).Code);
        Assert.Equal(400004, (await provider.Post($"/v1/requests/{id}/cancel", token: null)).Code);
    }

    [Fact]
    public async Task Unknown_request_is_error_404001()
    {
        await using var provider = await Provider.Start();
        foreach (var answer in new[] { await provider.Status("nobody"), await provider.Result("nobody"), await provider.Cancel("nobody") })
            Assert.Equal((HttpStatusCode.NotFound, 404001), (answer.StatusCode, answer.Code));
    }

    [Fact]
    public async Task Empty_balance_is_error_400002_and_nothing_is_accepted()
    {
        await using var provider = await Provider.Start(new() { BalanceUsd = 0.5m });
        var answer = await provider.PostInput();
        Assert.Equal((HttpStatusCode.BadRequest, 400002), (answer.StatusCode, answer.Code));
        Assert.Equal(0, provider.Account.AcceptedCount);
    }

    [Fact]
    public async Task Catalogue_lists_the_model_with_its_price_and_on_request_its_schema()
    {
        await using var provider = await Provider.Start();
        var list = (await provider.Get("/v1/models?search=kling&category=image-to-video")).Json;
        Assert.Equal((1, 100, 0), (list["total"]!.GetValue<int>(), list["limit"]!.GetValue<int>(), list["offset"]!.GetValue<int>()));
        var entry = Assert.Single(list["models"]!.AsArray())!.AsObject();
        Assert.Equal("kling/kling-video-o1/image-to-video/reference", entry["model_id"]!.GetValue<string>());
        Assert.Equal(0.112m, entry["base_price_usd"]!.GetValue<decimal>());
        Assert.False(entry.ContainsKey("input_schema"));

        var withSchema = (await provider.Get("/v1/models?include_schema=true")).Json["models"]![0]!;
        Assert.Equal(["prompt", "elements", "image_urls"],
            withSchema["input_schema"]!["required"]!.AsArray().Select(name => name!.GetValue<string>()));
        Assert.Empty((await provider.Get("/v1/models?search=flux")).Json["models"]!.AsArray());
        Assert.Empty((await provider.Get("/v1/models?offset=1")).Json["models"]!.AsArray());
    }

    [Fact]
    public async Task Model_is_described_with_its_schema_and_an_unknown_one_is_an_error()
    {
        await using var provider = await Provider.Start();
        var schema = (await provider.Get(Provider.Model)).Json["input_schema"]!;
        Assert.Equal("String", schema["properties"]!["duration"]!["type"]!.GetValue<string>());
        Assert.Equal(400001, (await provider.Get("/v1/models/nobody/nothing")).Code);
        Assert.Equal("image-to-video", (await provider.Get("/v1/models/categories")).Json["categories"]![0]!.GetValue<string>());
    }

    [Fact]
    public async Task Balance_decreases_with_each_accepted_submission()
    {
        await using var provider = await Provider.Start(new() { BalanceUsd = 10 });
        await provider.Submit(Provider.Input(duration: "10"));
        var balance = (await provider.Get("/prod/v2/balance")).Json;
        Assert.Equal(8.88m, balance["balance_usd"]!.GetValue<decimal>());
        Assert.Equal(8_880_000, balance["balance_microdollars"]!.GetValue<long>());
        Assert.Equal("USD", balance["currency"]!.GetValue<string>());
    }

    private static DateTimeOffset At(Answer answer, string field) => DateTimeOffset.Parse(answer.Text(field), CultureInfo.InvariantCulture);
}
