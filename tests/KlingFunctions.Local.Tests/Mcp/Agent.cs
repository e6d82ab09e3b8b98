using System.Diagnostics;
using System.Text.Json;
using KlingFunctions.Local.Tests.Cli;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace KlingFunctions.Local.Tests.Mcp;

/// <summary>An agent: the protocol library's own client, on stdin and stdout of <c>mcp</c> in a separate process.</summary>
public sealed class Agent : IAsyncLifetime
{
    private Process _server = null!;
    private RecordedStream _output = null!;

    public RunningHost Host { get; } = new();

    public McpClient Client { get; private set; } = null!;

    /// <summary>Standard output so far, line by line.</summary>
    public string[] Lines => _output.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public async ValueTask InitializeAsync()
    {
        await Host.InitializeAsync();
        _server = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.dll"), "mcp"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["KLING_URL"] = Host.Url, ["KLING_KEY"] = RunningHost.Key },
        })!;
        _output = new(_server.StandardOutput.BaseStream);
        Client = await McpClient.CreateAsync(new StreamClientTransport(_server.StandardInput.BaseStream, _output));
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        _server.StandardInput.Close();
        // Its input is closed, as by any client that ends.
        await _server.WaitForExitAsync();
        Assert.Equal(0, _server.ExitCode);
        _server.Dispose();
        await Host.DisposeAsync();
    }

    public ValueTask<CallToolResult> CallAsync(string tool, params (string Name, object? Value)[] arguments) =>
        Client.CallToolAsync(tool, arguments.ToDictionary(argument => argument.Name, argument => argument.Value), cancellationToken: TestContext.Current.CancellationToken);

    /// <summary>Calls a tool that must succeed; returns the host's JSON.</summary>
    public async Task<JsonElement> JsonAsync(string tool, params (string Name, object? Value)[] arguments)
    {
        var result = await CallAsync(tool, arguments);
        Assert.True(result.IsError is not true, TextOf(result));
        return Assert.IsType<JsonElement>(result.StructuredContent);
    }

    /// <summary>Polls until a job has ended.</summary>
    public async Task<JsonElement> EndOfAsync(string id)
    {
        while (true)
        {
            var job = await JsonAsync("status", ("id", id));
            if (job.GetProperty("status").GetString() is "succeeded" or "failed" or "cancelled") return job;
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    public static string TextOf(CallToolResult result) => string.Join('\n', result.Content.OfType<TextContentBlock>().Select(block => block.Text));
}
