using System.CommandLine;
using KlingFunctions.Local.Cli;
using ModelContextProtocol.Server;

namespace KlingFunctions.Local.Mcp;

/// <summary><c>mcp</c>: serves the Model Context Protocol on stdin and stdout, for any deployment.</summary>
internal sealed class McpCommand : Command
{
    private const string Instructions =
        "Makes videos with Kling O1 from a prompt and reference images. Each submitted video costs money and takes minutes. Check a request with 'validate', "
        + "tell the user its price, submit it with 'submit', and ask 'status' until it has ended. No call waits for a video.";

    private readonly DeploymentOptions _deployment = new();

    public McpCommand(Terminal terminal)
        : base("mcp", "Gives an agent the host as tools, over the Model Context Protocol on stdin and stdout.")
    {
        _deployment.AddTo(this);
        SetAction(async (parsed, cancellationToken) =>
        {
            using var deployment = _deployment.Open(parsed, terminal.Time);
            if (!Console.IsInputRedirected) terminal.Error.Say("This command speaks to an agent on stdin and stdout, not to people: name it in the settings of your agent. Ctrl-D ends it.");
            var options = ServerOptions(deployment, terminal.Time);
            // No logger: stdout carries only the protocol.
            await using var transport = new StdioServerTransport(options);
            await using var server = McpServer.Create(transport, options);
            await server.RunAsync(cancellationToken);
            return ExitCodes.Success;
        });
    }

    /// <summary>The server's name, instructions and tools.</summary>
    internal static McpServerOptions ServerOptions(Deployment deployment, TimeProvider time) => new()
    {
        ServerInfo = new() { Name = ProgramName.Tool, Version = typeof(McpCommand).Assembly.GetName().Version!.ToString(3) },
        ServerInstructions = Instructions,
        ToolCollection = [.. new VideoTools(deployment, time).All()],
    };
}
