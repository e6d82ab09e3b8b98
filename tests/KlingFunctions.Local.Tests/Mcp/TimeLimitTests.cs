using System.IO.Pipelines;
using KlingFunctions.Local.Cli;
using KlingFunctions.Local.Mcp;
using KlingFunctions.Local.Tests.Cli;
using Microsoft.Extensions.Time.Testing;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace KlingFunctions.Local.Tests.Mcp;

/// <summary>Every tool answers within its time limit.</summary>
public sealed class TimeLimitTests
{
    [Fact]
    public async Task Unresponsive_host_ends_the_call_with_the_next_step()
    {
        var asked = new TaskCompletionSource();
        await using var stub = await StubHost.StartAsync(async (http, _) =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        var time = new FakeTimeProvider();
        using var deployment = new Deployment(stub.Url, null, time);
        var (toServer, toClient) = (new Pipe(), new Pipe());
        await using var server = McpServer.Create(
            new StreamServerTransport(toServer.Reader.AsStream(), toClient.Writer.AsStream()), McpCommand.ServerOptions(deployment, time));
        var serving = server.RunAsync(TestContext.Current.CancellationToken);
        await using (var client = await McpClient.CreateAsync(
            new StreamClientTransport(toServer.Writer.AsStream(), toClient.Reader.AsStream()), cancellationToken: TestContext.Current.CancellationToken))
        {
            var call = client.CallToolAsync(
                "submit", new Dictionary<string, object?> { ["prompt"] = "rain", ["idempotency_key"] = "k" }, cancellationToken: TestContext.Current.CancellationToken);
            await asked.Task;
            time.Advance(TimeSpan.FromSeconds(50));
            var result = await call;
            Assert.True(result.IsError);
            Assert.Contains("the same idempotency_key", Agent.TextOf(result), StringComparison.Ordinal);
        }
        await toServer.Writer.CompleteAsync();
        await serving;
    }
}
