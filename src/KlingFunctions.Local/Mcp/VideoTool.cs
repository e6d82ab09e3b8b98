using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;
using KlingFunctions.Pipeline;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace KlingFunctions.Local.Mcp;

/// <summary>A tool's result.</summary>
/// <param name="Json">The host's JSON.</param>
/// <param name="Sentence">Its meaning, and the next step.</param>
internal sealed record ToolAnswer(ReadOnlyMemory<byte> Json, string Sentence);

/// <summary>One tool: its contract and its call. Refusals become results that an agent can read and act on.</summary>
/// <param name="tool">The tool's name, schema and annotations.</param>
/// <param name="run">The call.</param>
/// <param name="time">The clock for the call's time limit.</param>
internal sealed class VideoTool(Tool tool, Func<JsonObject, CancellationToken, Task<ToolAnswer>> run, TimeProvider time) : McpServerTool
{
    // Clients usually give up after a minute.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(50);

    public override Tool ProtocolTool { get; } = tool;

    public override IReadOnlyList<object> Metadata => [];

    public override async ValueTask<CallToolResult> InvokeAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken = default)
    {
        var arguments = new JsonObject();
        foreach (var (name, value) in request.Params?.Arguments ?? new Dictionary<string, JsonElement>())
            arguments[name] = JsonSerializer.SerializeToNode(value, PipelineJson.Default.JsonElement);
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            var answer = await run(arguments, either.Token);
            return new()
            {
                Content = [new TextContentBlock { Text = answer.Sentence }, new TextContentBlock { Text = Encoding.UTF8.GetString(answer.Json.Span) }],
                StructuredContent = JsonElement.Parse(answer.Json.Span),
            };
        }
        catch (RefusedException refused)
        {
            var sentence = refused.Status is HttpStatusCode.Unauthorized
                ? "The host needs its key: ask the user to put it into the environment variable KLING_KEY of this server."
                : refused.Message;
            return refused.Problem is null ? Failure(sentence) : Failure(sentence, Encoding.UTF8.GetString(refused.Answer.Body));
        }
        catch (ExitException e)
        {
            return Failure(e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Failure($"The host did not answer within {Limit.TotalSeconds} seconds: make the same call again, with the same idempotency_key where there is one.");
        }
    }

    private static CallToolResult Failure(params string[] texts) =>
        new() { IsError = true, Content = [.. texts.Select(text => new TextContentBlock { Text = text })] };
}
