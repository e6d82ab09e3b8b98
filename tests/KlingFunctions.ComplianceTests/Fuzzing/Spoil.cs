using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace KlingFunctions.ComplianceTests.Fuzzing;

/// <summary>Corrupts valid inputs.</summary>
public static class Spoil
{
    private static readonly string Deep = new string('[', 70) + new string(']', 70);
    private static readonly string DeepObjects = string.Concat(Enumerable.Repeat("{\"a\":", 70)) + "1" + new string('}', 70);
    private static readonly string Bottomless = new('[', 100_000);
    private static readonly string Digits = new('9', 5_000);
    private static readonly string LongText = "\"" + new string('x', 5_000) + "\"";
    private static readonly string ManyItems = $"[{string.Join(',', Enumerable.Repeat("1", 20_000))}]";
    private static readonly string ManyTexts = $"[{string.Join(',', Enumerable.Repeat("\"\"", 20_000))}]";
    private static readonly string ManyNames = $"{{{string.Join(',', Enumerable.Range(0, 5_000).Select(i => $"\"n{i}\":0"))}}}";

    /// <summary>JSON values, valid and invalid.</summary>
    private static readonly Func<Random, string>[] Values =
    [
        _ => "null", _ => "true", _ => "0", _ => "-1", _ => "5", _ => "5.0e0", _ => "1e400", _ => "-0", _ => "1.7976931348623157e309", _ => "9223372036854775808",
        _ => Digits, _ => "\"\"", _ => "\" \"", _ => "{}", _ => "[]", _ => "[null]", _ => "{\"\":{}}", _ => "NaN", _ => "01", _ => "'x'", _ => "\"",
        _ => "\"\\ud800\"", _ => "\"\\udc00\\ud800\"", _ => "{\"\\ud800\":1}", _ => "\"\\u0000\"", _ => "\"\0\"", _ => "\"\\uFEFF\\u202E\\u200B\"",
        _ => "\"\uFFFF\uFDD0\"", _ => "\"\\n\\r\\t\\u001b[2J\"", _ => "\"💥\\ud83d\"", _ => Deep, _ => DeepObjects, _ => LongText,
        _ => "\"in_queue\"", _ => "\"completed\"", _ => "\"failed\"", _ => "\"cancelled\"", _ => "\"https://a.runcomfy.net/v.mp4\"",
        _ => "\"https://user:pass@127.0.0.1:99999/?q#f\"", _ => "\"asset:../../etc/passwd\"", _ => "\"http://[::ffff:169.254.169.254]/\"", _ => "\"javascript:alert(1)\"",
        random => random.Next(20) == 0 ? Bottomless : "[[[",
        random => random.Next(20) == 0 ? ManyItems : "[1,2,3]",
        random => random.Next(20) == 0 ? ManyTexts : "[\"\",\"\"]",
        random => random.Next(20) == 0 ? ManyNames : "{\"n\":0}",
        random => random.NextInt64(long.MinValue, long.MaxValue).ToString(CultureInfo.InvariantCulture),
        random => new JsonArray([.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => (JsonNode?)Text(random))]).ToJsonString(),
        random => JsonValue.Create(Text(random)).ToJsonString(),
    ];

    /// <summary>JSON with a few changes in its structure, and sometimes in its bytes too.</summary>
    public static byte[] Json(Random random, string json)
    {
        var root = JsonNode.Parse(json)!;
        // A marker stands for each hostile value, since no JSON writer would write many of them.
        var marked = new List<string>();
        string Marker(string value)
        {
            marked.Add(value);
            return $"§{marked.Count - 1}§";
        }
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var nodes = All(root).Where(n => n.Parent is not null).ToList();
            var value = Values[random.Next(Values.Length)](random);
            if (nodes.Count == 0 || random.Next(30) == 0) return Bytes(random, Encoding.UTF8.GetBytes(value));
            var node = nodes[random.Next(nodes.Count)];
            switch (node.Parent)
            {
                case JsonObject parent:
                    var name = node.GetPropertyName();
                    switch (random.Next(5))
                    {
                        case 0: parent.Remove(name); break;
                        case 1: parent[Marker($"\"{name}\":{value},\"{name}")] = node.DeepClone(); break;
                        case 2: parent[Text(random)] = Marker(value); break;
                        default: parent[name] = Marker(value); break;
                    }
                    break;
                case JsonArray parent when random.Next(3) == 0:
                    parent.Insert(random.Next(parent.Count), Marker(value));
                    break;
                case JsonArray parent:
                    parent[node.GetElementIndex()] = Marker(value);
                    break;
                default:
                    break;
            }
        }
        var text = root.ToJsonString();
        for (var i = 0; i < marked.Count; i++)
        {
            var escaped = $"\\u00A7{i}\\u00A7";
            text = marked[i].Contains("\":", StringComparison.Ordinal) && text.Contains($"\"{escaped}\":", StringComparison.Ordinal)
                ? text.Replace($"\"{escaped}\":", marked[i] + "\":", StringComparison.Ordinal)
                : text.Replace($"\"{escaped}\"", marked[i], StringComparison.Ordinal);
        }
        var bytes = Encoding.UTF8.GetBytes(text);
        return random.Next(5) == 0 ? Bytes(random, bytes) : bytes;
    }

    /// <summary>Bytes with some changed, deleted, doubled or inserted, or all of them in another encoding.</summary>
    public static byte[] Bytes(Random random, byte[] good)
    {
        var bytes = good.ToList();
        for (var changes = random.Next(1, 5); changes > 0 && bytes.Count > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            var count = Math.Min(random.Next(1, 1 + random.Next(1, 64)), bytes.Count - at);
            switch (random.Next(9))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, bytes.Count - at); break;
                case 3: bytes.RemoveRange(at, count); break;
                case 4: bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, count)); break;
                case 5: bytes.InsertRange(at, Enumerable.Range(0, count).Select(_ => (byte)random.Next(256)).ToArray()); break;
                case 6: bytes[at] = random.Next(2) == 0 ? (byte)0 : (byte)0xFF; break;
                case 7:
                    // Some of these may be lengths or sizes, as big- or little-endian integers.
                    foreach (var i in Enumerable.Range(at, Math.Min(4, bytes.Count - at))) bytes[i] = random.Next(3) switch { 0 => 0xFF, 1 => 0x7F, _ => bytes[i] };
                    break;
                default:
                    if (random.Next(10) == 0) return Recoded(random, [.. bytes]);
                    bytes[at]++;
                    break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Random text of many kinds.</summary>
    public static string Text(Random random)
    {
        var text = new StringBuilder();
        for (var parts = random.Next(1, 6); parts > 0; parts--)
        {
            text.Append(random.Next(9) switch
            {
                0 => ((char)random.Next(0x20)).ToString(),
                1 => char.ConvertFromUtf32(random.Next(0x10000, 0x110000)),
                2 => "e\u0301\u0302\u0303\u0304",
                3 => "\u202E\u2066\u200D\uFEFF",
                4 => "𝟙٣７①",
                5 => "~0~1/%2F\\\"'<>&?#",
                6 => random.Next(int.MinValue, int.MaxValue).ToString(CultureInfo.InvariantCulture),
                7 => new string((char)random.Next('a', 'z'), random.Next(1, 300)),
                _ => ((char)random.Next(0xD7FF)).ToString(),
            });
        }
        return text.ToString();
    }

    /// <summary>The bytes compressed with gzip.</summary>
    public static byte[] Packed(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize)) gzip.Write(bytes);
        return packed.ToArray();
    }

    private static byte[] Recoded(Random random, byte[] utf8)
    {
        var text = Encoding.UTF8.GetString(utf8);
        return random.Next(5) switch
        {
            0 => [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(text)],
            1 => Encoding.BigEndianUnicode.GetBytes(text),
            2 => [.. Encoding.UTF32.Preamble, .. Encoding.UTF32.GetBytes(text)],
            3 => [.. Encoding.UTF8.Preamble, .. utf8],
            _ => Packed(utf8),
        };
    }

    private static IEnumerable<JsonNode> All(JsonNode node) => node switch
    {
        JsonObject o => o.Select(p => p.Value).OfType<JsonNode>().SelectMany(All).Prepend(node),
        JsonArray a => a.OfType<JsonNode>().SelectMany(All).Prepend(node),
        _ => [node],
    };
}
