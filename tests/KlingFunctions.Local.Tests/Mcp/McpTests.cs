using System.Security.Cryptography;
using System.Text.Json;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Tests.Cli;
using KlingFunctions.Simulator;

namespace KlingFunctions.Local.Tests.Mcp;

/// <summary>The tools of <c>mcp</c>, as an agent sees and uses them.</summary>
public sealed class McpTests(Agent agent) : IClassFixture<Agent>, IAsyncLifetime
{
    private (string, object?)[] Request(string key) =>
        [("prompt", "@Image1 in the rain"), ("image_urls", new[] { agent.Host.Image("valley.webp") }), ("idempotency_key", key)];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        agent.Host.RunComfy.Behaviour = RunningHost.Quick;
        // Only the protocol is ever on stdout.
        Assert.All(agent.Lines, line => Assert.Equal("2.0", JsonElement.Parse(line).GetProperty("jsonrpc").GetString()));
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Tools_describe_themselves_and_which_of_them_are_paid()
    {
        var tools = (await agent.Client.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken)).ToDictionary(tool => tool.Name, tool => tool.ProtocolTool);
        Assert.Equal(["cancel", "content", "list", "price", "resume", "status", "submit", "validate"], tools.Keys.Order());
        Assert.All(tools.Values, tool => Assert.NotNull(tool.Annotations));
        foreach (var paid in new[] { "submit", "resume" })
        {
            Assert.Contains("COST", tools[paid].Description, StringComparison.Ordinal);
            Assert.Equal((false, true, true), (tools[paid].Annotations!.ReadOnlyHint, tools[paid].Annotations!.DestructiveHint, tools[paid].Annotations!.OpenWorldHint));
        }
        // A repeated 'submit' is the same job, by its key; a repeated 'resume' may submit, and pay, again.
        Assert.Equal((true, false), (tools["submit"].Annotations!.IdempotentHint, tools["resume"].Annotations!.IdempotentHint));
        Assert.All(new[] { "status", "list", "price" }, name => Assert.True(tools[name].Annotations!.ReadOnlyHint));

        var schema = tools["submit"].InputSchema;
        Assert.Equal(["prompt", "idempotency_key"], schema.GetProperty("required").EnumerateArray().Select(name => name.GetString()));
        Assert.Contains("@Element1", schema.GetProperty("properties").GetProperty("prompt").GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("$ref", schema.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Agent_makes_a_video()
    {
        var valid = await agent.CallAsync("validate", Request("unused")[..2]);
        Assert.Contains("Price: simulated, nothing is paid. Nothing was submitted.", Agent.TextOf(valid), StringComparison.Ordinal);
        Assert.Equal("simulator", (await agent.JsonAsync("price", ("duration", "10"))).GetProperty("source").GetString());

        var before = agent.Host.RunComfy.Account.AcceptedCount;
        var submitted = await agent.CallAsync("submit", Request("a-video"));
        Assert.Contains("Price: simulated, nothing is paid.", Agent.TextOf(submitted), StringComparison.Ordinal);
        var id = submitted.StructuredContent!.Value.GetProperty("id").GetString()!;
        Assert.Equal("succeeded", (await agent.EndOfAsync(id)).GetProperty("status").GetString());
        Assert.Equal(id, (await agent.JsonAsync("submit", Request("a-video"))).GetProperty("id").GetString());
        Assert.Equal(before + 1, agent.Host.RunComfy.Account.AcceptedCount);
        Assert.Contains((await agent.JsonAsync("list", ("status", "succeeded"))).GetProperty("videos").EnumerateArray(), job => job.GetProperty("id").GetString() == id);

        var file = Path.Combine(agent.Host.Folder, "by-an-agent.mp4");
        var content = await agent.JsonAsync("content", ("id", id), ("file", file));
        Assert.Equal(content.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
        var again = await agent.CallAsync("content", ("id", id), ("file", file));
        Assert.True(again.IsError);
        Assert.Contains("exists already", Agent.TextOf(again), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_of_this_machine_is_uploaded()
    {
        var image = Path.Combine(agent.Host.Folder, "valley.webp");
        using var http = new HttpClient();
        await File.WriteAllBytesAsync(image, await http.GetByteArrayAsync(new Uri(agent.Host.Image("valley.webp")), TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
        var valid = await agent.JsonAsync("validate", ("prompt", "@Image1 in the rain"), ("image_urls", new[] { image }));
        Assert.StartsWith("asset:", valid.GetProperty("request").GetProperty("image_urls")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_that_is_not_an_image_does_not_leave_the_machine()
    {
        var file = Path.Combine(agent.Host.Folder, "id_rsa");
        await File.WriteAllTextAsync(file, "-----BEGIN OPENSSH PRIVATE KEY-----", TestContext.Current.CancellationToken);
        foreach (var secret in new[] { file, "/dev/zero" }.Where(File.Exists))
        {
            var refused = await agent.CallAsync("validate", ("prompt", "@Image1 in the rain"), ("image_urls", new[] { secret }));
            Assert.True(refused.IsError);
            Assert.Contains("it was not sent", Agent.TextOf(refused), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Queued_job_is_cancelled()
    {
        agent.Host.RunComfy.Behaviour = RunningHost.Quick with { Slots = 0 };
        var id = (await agent.JsonAsync("submit", Request("to-cancel"))).GetProperty("id").GetString()!;
        Assert.Contains("ask 'status' again in", Agent.TextOf(await agent.CallAsync("status", ("id", id))), StringComparison.Ordinal);
        await agent.JsonAsync("cancel", ("id", id));
        Assert.Equal("cancelled", (await agent.EndOfAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Failed_job_is_resumed()
    {
        agent.Host.RunComfy.Inject(new(ApiCall.Submit, FaultKind.BadToken));
        var id = (await agent.JsonAsync("submit", Request("to-resume"))).GetProperty("id").GetString()!;
        Assert.Equal("failed", (await agent.EndOfAsync(id)).GetProperty("status").GetString());
        await agent.JsonAsync("resume", ("id", id));
        Assert.Equal("succeeded", (await agent.EndOfAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Refusal_names_every_fault_and_is_not_a_protocol_error()
    {
        var before = agent.Host.RunComfy.Account.AcceptedCount;
        var wrong = await agent.CallAsync("submit", ("prompt", "@Image1 and @Image3"), ("duration", "7"), ("colour", "red"), ("idempotency_key", "wrong"));
        Assert.True(wrong.IsError);
        Assert.All(["/prompt", "/duration", "/colour"], pointer => Assert.Contains(pointer, Agent.TextOf(wrong), StringComparison.Ordinal));
        var keyless = await agent.CallAsync("submit", Request("")[..2]);
        Assert.True(keyless.IsError);
        Assert.Contains("idempotency_key is missing", Agent.TextOf(keyless), StringComparison.Ordinal);
        Assert.True((await agent.CallAsync("status", ("id", "vid_nobody"))).IsError);
        Assert.Equal(before, agent.Host.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Invalid_address_ends_the_server_with_a_sentence()
    {
        var called = await Called.WithAsync("mcp", "--url", "nonsense");
        Assert.Equal((ExitCodes.Usage, ""), (called.ExitCode, called.Out));
        Assert.Contains("--url", called.Error, StringComparison.Ordinal);
    }
}
