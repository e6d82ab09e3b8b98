using System.Runtime.InteropServices;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Json;

namespace KlingFunctions.Pipeline.Batching;

/// <summary>Many requests in one body: a JSON array, or one request a line.</summary>
internal static class BatchBody
{
    /// <summary>The most requests in one body.</summary>
    public const int MaxItems = 1_000;

    /// <summary>The largest body that is read, in bytes.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static ReadOnlySpan<byte> WhiteSpace => " \t\r\n"u8;

    /// <summary>The bytes of each request, or the fault of the body as a whole. Single requests are not checked here.</summary>
    public static (IReadOnlyList<ReadOnlyMemory<byte>> Items, Fault? Fault) Split(ReadOnlyMemory<byte> body)
    {
        if (body.Span.StartsWith(ByteOrderMark)) body = body[ByteOrderMark.Length..];
        body = body.Trim(WhiteSpace);
        if (!body.Span.StartsWith("["u8)) return Counted(body.IsEmpty ? [] : JsonBody.Parse(body.Span, out _) is null ? LinesOf(body) : [body]);
        return JsonBody.Parse(body.Span, out var fault) is { } array
            ? Counted([.. array.EnumerateArray().Select(item => (ReadOnlyMemory<byte>)JsonMarshal.GetRawUtf8Value(item).ToArray())])
            : ([], new("", FaultCode.InvalidJson, fault!));
    }

    /// <summary>Whether the last line is truncated, and more bytes could complete it: a file that is still being written.</summary>
    public static bool IsCutOff(ReadOnlyMemory<byte> body) => body.IsEmpty || Split(body) switch
    {
        ({ Count: > 0 } items, _) => JsonBody.IsCutOff(items[^1].Span),
        _ => JsonBody.IsCutOff(body.Span),
    };

    private static List<ReadOnlyMemory<byte>> LinesOf(ReadOnlyMemory<byte> body)
    {
        var lines = new List<ReadOnlyMemory<byte>>();
        while (!body.IsEmpty)
        {
            var end = body.Span.IndexOf((byte)'\n');
            var line = (end < 0 ? body : body[..end]).Trim(WhiteSpace);
            if (!line.IsEmpty) lines.Add(line);
            body = end < 0 ? default : body[(end + 1)..];
        }
        return lines;
    }

    private static (IReadOnlyList<ReadOnlyMemory<byte>> Items, Fault? Fault) Counted(List<ReadOnlyMemory<byte>> items) => items.Count switch
    {
        0 => ([], new("", FaultCode.TooFew, "The batch holds no request: give a JSON array of them, or one request a line.")),
        > MaxItems => ([], new("", FaultCode.TooMany, $"The batch holds {items.Count:N0} requests: at most {MaxItems:N0} are accepted at a time, so split it.")),
        _ => (items, null),
    };
}
