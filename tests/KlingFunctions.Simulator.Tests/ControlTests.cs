using System.Net;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator.Tests;

public class ControlTests
{
    [Fact]
    public async Task The_knobs_can_be_read_and_some_of_them_changed()
    {
        await using var provider = await Provider.Start(new() { Slots = 5 });
        var patch = """
            {"run_time": "00:01:00", "outputs": "Videos, Image", "words": {"completed": "done"}, "faults": [{"call": "Status", "kind": "BadGateway"}]}
            """;
        Assert.Equal(HttpStatusCode.OK, (await provider.Send(HttpMethod.Patch, "/simulator/behaviour", patch)).StatusCode);
        var behaviour = provider.Host.Behaviour;
        Assert.Equal((5, TimeSpan.FromMinutes(1), OutputKeys.Videos | OutputKeys.Image),
            (behaviour.Slots, behaviour.RunTime, behaviour.Outputs));
        Assert.Equal(("done", "in_queue"), (behaviour.Words.Completed, behaviour.Words.Queued));
        Assert.Equal(new Fault(ApiCall.Status, FaultKind.BadGateway), Assert.Single(behaviour.Faults));
        Assert.Equal("00:01:00", (await provider.Get("/simulator/behaviour", token: null)).Text("run_time"));
    }

    [Fact]
    public async Task Putting_the_knobs_sets_the_rest_back_to_the_default()
    {
        await using var provider = await Provider.Start(new() { Slots = 5, RunTime = TimeSpan.FromHours(1) });
        await provider.Send(HttpMethod.Put, "/simulator/behaviour", """{"slots": 7}""");
        Assert.Equal((7, new Behaviour().RunTime), (provider.Host.Behaviour.Slots, provider.Host.Behaviour.RunTime));
    }

    [Theory]
    [InlineData("""{"runtime": "00:00:01"}""", "runtime")]
    [InlineData("""{"error_shape": "Poem"}""", "error_shape")]
    [InlineData("[]", "object")]
    [InlineData("{", "JSON")]
    public async Task A_knob_that_does_not_exist_is_refused_by_name_and_changes_nothing(string patch, string named)
    {
        await using var provider = await Provider.Start();
        var before = (await provider.Get("/simulator/behaviour")).Body;
        var answer = await provider.Send(HttpMethod.Patch, "/simulator/behaviour", patch);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(named, answer.Body, StringComparison.Ordinal);
        Assert.Equal(before, (await provider.Get("/simulator/behaviour")).Body);
    }

    [Fact]
    public async Task The_account_can_be_read_without_a_token()
    {
        await using var provider = await Provider.Start(new() { BalanceUsd = 10 });
        var id = await provider.Submit();
        var account = (await provider.Get("/simulator/account", token: null)).Json;
        Assert.Equal((1, 0.56m, 9.44m),
            (account["accepted_count"]!.GetValue<int>(), account["spent_usd"]!.GetValue<decimal>(), account["balance_usd"]!.GetValue<decimal>()));
        Assert.Equal(id, account["accepted"]![0]!["request_id"]!.GetValue<string>());
        Assert.True(JsonNode.DeepEquals(Provider.Input(), account["accepted"]![0]!["input"]));
        Assert.Equal(1, account["calls"]!["Submit"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_reset_forgets_everything_but_the_behaviour_that_it_was_started_with()
    {
        await using var provider = await Provider.Start(new() { Slots = 1 });
        var id = await provider.Submit();
        await provider.Cancel(id);
        provider.Change(behaviour => behaviour with { Slots = 0 });
        Assert.Equal(HttpStatusCode.NoContent, (await provider.Post("/simulator/reset")).StatusCode);
        Assert.Equal((0, 0m, 0, 0),
            (provider.Account.AcceptedCount, provider.Account.SpentUsd, provider.Account.Cancellations.Count, provider.Account.Calls(ApiCall.Submit)));
        Assert.Equal(HttpStatusCode.NotFound, (await provider.Status(id)).StatusCode);
        var next = await provider.Submit();
        Assert.Equal(1, (await provider.Status(next)).Position);
        provider.PassARun();
        Assert.Equal("completed", (await provider.Status(next)).Text("status"));
    }

    [Fact]
    public async Task The_first_page_says_what_this_is_and_names_the_sample_images()
    {
        await using var provider = await Provider.Start();
        var page = await provider.Get("/simulator", token: null);
        Assert.Contains("simulator of RunComfy's Model API", page.Body, StringComparison.Ordinal);
        Assert.Contains("robot-front.png", page.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("robot-front.png", "image/png")]
    [InlineData("robot-side.jpg", "image/jpeg")]
    [InlineData("valley.webp", "image/webp")]
    public async Task Sample_images_are_served_without_a_token(string name, string type)
    {
        await using var provider = await Provider.Start();
        var image = await provider.Fetch($"/simulator/images/{name}");
        Assert.Equal((HttpStatusCode.OK, type), (image.StatusCode, image.ContentHeaders.ContentType?.MediaType));
        Assert.Equal(File.ReadAllBytes(Samples.Path("images", name)), image.Bytes);
        Assert.Equal(100, (await provider.Fetch($"/simulator/images/{name}", new(0, 99))).Bytes.Length);
        Assert.Equal(HttpStatusCode.NotFound, (await provider.Fetch("/simulator/images/nobody.png")).StatusCode);
    }

    [Fact]
    public async Task Two_simulators_live_side_by_side()
    {
        await using var one = await Provider.Start();
        await using var other = await Provider.Start();
        await one.Submit();
        Assert.Equal((1, 0), (one.Account.AcceptedCount, other.Account.AcceptedCount));
        Assert.NotEqual(one.Host.BaseUrl, other.Host.BaseUrl);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("https://127.0.0.1:0")]
    public async Task An_address_that_is_none_is_refused_with_an_example(string url)
    {
        var problem = await Assert.ThrowsAsync<ArgumentException>(() =>
            SimulatorHost.StartAsync(url: url, ct: TestContext.Current.CancellationToken));
        Assert.Contains("http://127.0.0.1:5080", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_in_use_is_an_io_error()
    {
        await using var provider = await Provider.Start();
        await Assert.ThrowsAsync<IOException>(() =>
            SimulatorHost.StartAsync(url: provider.Host.BaseUrl.ToString(), ct: TestContext.Current.CancellationToken));
    }
}
