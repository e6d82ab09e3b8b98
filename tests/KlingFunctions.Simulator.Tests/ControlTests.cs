using System.Net;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator.Tests;

public class ControlTests
{
    [Fact]
    public async Task Knobs_can_be_read_and_some_of_them_changed()
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
    public async Task PUT_of_knobs_resets_the_others_to_their_defaults()
    {
        await using var provider = await Provider.Start(new() { Slots = 5, RunTime = TimeSpan.FromHours(1) });
        await provider.Send(HttpMethod.Put, "/simulator/behaviour", """{"slots": 7}""");
        Assert.Equal((7, new Behaviour().RunTime), (provider.Host.Behaviour.Slots, provider.Host.Behaviour.RunTime));
    }

    [Theory]
    [InlineData("""{"runtime": "00:00:01"}""", "There is no knob 'runtime': did you mean 'run_time'?")]
    [InlineData("""{"words": {"complete": "done"}}""", "There is no knob 'words.complete': did you mean 'words.completed'?")]
    [InlineData("""{"faults": [{"call": "Submit", "kind": "Droped"}]}""", "'Droped' is no value of faults.0.kind: did you mean 'Dropped'?")]
    [InlineData("""{"error_shape": "Htlm"}""", "'Htlm' is no value of error_shape: did you mean 'Html'? It is one of Documented,")]
    [InlineData("""{"outputs": "Video, Pictures"}""", "'Pictures' is no value of outputs")]
    [InlineData("""{"run_time": "soon"}""", "'soon' is no value of run_time: give a time as hh:mm:ss.")]
    [InlineData("""{"slots": 1.5}""", "'1.5' is no value of slots: give a whole number.")]
    [InlineData("""{"never_finishes": "maybe"}""", "'maybe' is no value of never_finishes: give true or false.")]
    [InlineData("""{"run_time": 5}""", "run_time")]
    [InlineData("[]", "object")]
    [InlineData("{", "JSON")]
    public async Task Unknown_knob_is_refused_by_name_and_changes_nothing(string patch, string named)
    {
        await using var provider = await Provider.Start();
        var before = (await provider.Get("/simulator/behaviour")).Body;
        var answer = await provider.Send(HttpMethod.Patch, "/simulator/behaviour", patch);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(named, answer.Body, StringComparison.Ordinal);
        Assert.Equal(before, (await provider.Get("/simulator/behaviour")).Body);
    }

    [Fact]
    public async Task Page_of_knobs_equals_the_document()
    {
        await using var provider = await Provider.Start();
        var page = await provider.Get("/simulator/knobs", token: null);
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "simulator.md"), TestContext.Current.CancellationToken), page.Body);
    }

    [Fact]
    public async Task Account_can_be_read_without_a_token()
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
    public async Task Reset_restores_the_initial_behaviour_and_deletes_everything_else()
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
    public async Task First_page_introduces_the_simulator_and_lists_the_sample_images()
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
    public async Task Two_simulators_run_side_by_side()
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
    public async Task Invalid_address_is_refused_with_an_example(string url)
    {
        var problem = await Assert.ThrowsAsync<ArgumentException>(() =>
            SimulatorHost.StartAsync(url: url, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("http://127.0.0.1:5080", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Address_in_use_is_an_io_error()
    {
        await using var provider = await Provider.Start();
        await Assert.ThrowsAsync<IOException>(() =>
            SimulatorHost.StartAsync(url: provider.Host.BaseUrl.ToString(), cancellationToken: TestContext.Current.CancellationToken));
    }
}
