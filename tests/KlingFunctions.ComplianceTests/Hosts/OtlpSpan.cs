using System.Text;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>A span as exported over OTLP, with its ids and links.</summary>
/// <param name="Scope">The name of its source.</param>
/// <param name="Name">The name of the span.</param>
/// <param name="TraceId">The trace's id in hex.</param>
/// <param name="SpanId">The span's id in hex.</param>
/// <param name="ParentId">The parent's id in hex; empty for the root of a trace.</param>
/// <param name="LinkedTraces">The ids of linked traces.</param>
/// <param name="Text">The whole span with its attributes, as text.</param>
public sealed record OtlpSpan(string Scope, string Name, string TraceId, string SpanId, string ParentId, IReadOnlyList<string> LinkedTraces, string Text)
{
    /// <summary>The spans of an <c>ExportTraceServiceRequest</c>.</summary>
    public static IEnumerable<OtlpSpan> Read(byte[] request) =>
        from resource in Fields(request, 1)
        from scope in Fields(resource, 2)
        let name = Fields(scope, 1).Select(s => Utf8(Fields(s, 1))).FirstOrDefault("")
        from span in Fields(scope, 2)
        select new OtlpSpan(
            name, Utf8(Fields(span, 5)), Hex(Fields(span, 1)), Hex(Fields(span, 2)), Hex(Fields(span, 4)), [.. Fields(span, 13).Select(link => Hex(Fields(link, 1)))],
            Encoding.Latin1.GetString(span));

    private static string Utf8(IEnumerable<byte[]> field) => Encoding.UTF8.GetString(field.FirstOrDefault([]));

    private static string Hex(IEnumerable<byte[]> field) => Convert.ToHexStringLower(field.FirstOrDefault([]));

    /// <summary>The length-delimited fields with this number in a protobuf message.</summary>
    private static List<byte[]> Fields(ReadOnlySpan<byte> message, int number)
    {
        var found = new List<byte[]>();
        while (message.Length > 0)
        {
            var key = Varint(ref message);
            var length = (key & 7) switch
            {
                0 => 0,
                1 => 8,
                2 => (int)Varint(ref message),
                5 => 4,
                var type => throw new FormatException($"Protobuf has no wire type {type}."),
            };
            if ((key & 7) == 0) Varint(ref message);
            if (key >> 3 == (ulong)number && (key & 7) == 2) found.Add(message[..length].ToArray());
            message = message[length..];
        }
        return found;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> message)
    {
        var (value, shift, i) = (0UL, 0, 0);
        for (; message[i] >= 0x80; i++, shift += 7) value |= (ulong)(message[i] & 0x7F) << shift;
        value |= (ulong)message[i] << shift;
        message = message[(i + 1)..];
        return value;
    }
}
