using System.Runtime.InteropServices;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Requests.Json;

namespace KlingFunctions.Pipeline.Batching;

/// <summary>A request in a body of many.</summary>
/// <param name="Bytes">The request.</param>
/// <param name="Line">The number of its line; 1 in a JSON array.</param>
internal readonly record struct BatchEntry(ReadOnlyMemory<byte> Bytes, int Line = 1);

/// <summary>Many requests in one body: a JSON array, or one request a line.</summary>
internal static class BatchBody
{
    /// <summary>The most requests in one body.</summary>
    public const int MaxItems = 1_000;

    /// <summary>The largest body that is read, in bytes.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static ReadOnlySpan<byte> WhiteSpace => " \t\r\n"u8;

    /// <summary>Each request, or the fault of the body as a whole. Single requests are not checked here.</summary>
    public static (IReadOnlyList<BatchEntry> Items, Fault? Fault) Split(ReadOnlyMemory<byte> body)
    {
        if (body.Span.StartsWith(ByteOrderMark)) body = body[ByteOrderMark.Length..];
        var line = 1 + body.Span[..(body.Length - body.TrimStart(WhiteSpace).Length)].Count((byte)'\n');
        body = body.Trim(WhiteSpace);
        if (!body.Span.StartsWith("["u8)) return Counted(body.IsEmpty ? [] : JsonBody.Parse(body.Span, out _) is null ? LinesOf(body, line) : [new(body)]);
        return JsonBody.Parse(body.Span, out var fault, line) is { } array
            ? Counted([.. array.EnumerateArray().Select(item => new BatchEntry(JsonMarshal.GetRawUtf8Value(item).ToArray()))])
            : ([], new("", FaultCode.InvalidJson, fault!));
    }

    /// <summary>Whether the last line is truncated, and more bytes could complete it: a file that is still being written.</summary>
    public static bool IsCutOff(ReadOnlyMemory<byte> body) => body.IsEmpty || Split(body) switch
    {
        ({ Count: > 0 } items, _) => JsonBody.IsCutOff(items[^1].Bytes.Span),
        _ => JsonBody.IsCutOff(body.Span),
    };

    private static List<BatchEntry> LinesOf(ReadOnlyMemory<byte> body, int number)
    {
        var lines = new List<BatchEntry>();
        for (; !body.IsEmpty; number++)
        {
            var end = body.Span.IndexOf((byte)'\n');
            var line = (end < 0 ? body : body[..end]).Trim(WhiteSpace);
            if (!line.IsEmpty) lines.Add(new(line, number));
            body = end < 0 ? default : body[(end + 1)..];
        }
        return lines;
    }

    private static (IReadOnlyList<BatchEntry> Items, Fault? Fault) Counted(List<BatchEntry> items) => items.Count switch
    {
        0 => ([], new("", FaultCode.TooFew, "The batch holds no request: give a JSON array of them, or one request a line.")),
        > MaxItems => ([], new("", FaultCode.TooMany, $"The batch holds {items.Count:N0} requests: at most {MaxItems:N0} are accepted at a time, so split it.")),
        _ => (items, null),
    };
}
