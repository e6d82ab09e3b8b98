using KlingFunctions.Tests.Host.Protocol;
using Microsoft.DurableTask.Protobuf;

namespace KlingFunctions.Tests.Host;

/// <summary>
/// What a workflow is told of a step that threw. The worker sends the exception as text, and the host's Durable extension makes of it
/// a type, up to the first colon, and a message, to the end of the line.
/// </summary>
internal static class StepFailure
{
    private const string Start = "Exception of type '";
    private const string End = "' was thrown.";

    public static TaskFailureDetails Read(RpcException exception)
    {
        var text = exception.Message;
        var (type, message) = ("(unknown)", text);
        if (text.StartsWith(Start, StringComparison.Ordinal) && text.EndsWith(End, StringComparison.Ordinal))
        {
            (type, message) = (text[Start.Length..^End.Length], "");
        }
        else if (text.Split(": ", 2) is [var before, var after])
        {
            (type, message) = (before.TrimEnd(), after.Split('\n')[0].TrimEnd());
        }
        return new() { ErrorType = type, ErrorMessage = message, StackTrace = exception.StackTrace };
    }
}
