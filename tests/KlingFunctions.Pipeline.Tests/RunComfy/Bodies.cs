using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

/// <summary>
/// Bodies from a provider, a proxy or an attacker: bytes, broken JSON, and JSON that is nearly right.
/// </summary>
internal static class Bodies
{
    private static readonly Gen<string> Scalars = Gen.Elements(
        "null", "true", "0", "-1", "3", "1e400", "400002", "400004", "400005", "404001", "\"400004\"", "\"in_queue\"", "\"completed\"", "\"failed\"", "\"error\"",
        "\"cancelled\"", "\"not_cancellable\"", "\"what\"", "\"\"", "\"req_1\"", "\"a b\"", "\"\\ud800\"", "\"\\u0000<b>\"", "\"https://a.runcomfy.net/v.mp4\"");

    private static readonly Gen<string> Keys = Gen.Elements(
        "request_id", "id", "status", "outcome", "queue_position", "error_code", "code", "errorCode", "error", "message", "error_message", "detail", "output", "video",
        "videos", "image", "images", "url", "loc", "failure_reason", "\\ud800", "x");

    public static Gen<byte[]> Any { get; } = Gen.OneOf(
        ArbMap.Default.GeneratorFor<byte[]>(),
        Json(3).Select(Encoding.UTF8.GetBytes),
        from json in Json(3) from cut in Gen.Choose(0, json.Length) select Encoding.UTF8.GetBytes(json[..cut]),
        Gen.Elements("<html><body>502 Bad Gateway</body></html>", "<", "\uFEFF{\"status\":\"in_queue\"}", "<script>", "ok").Select(Encoding.UTF8.GetBytes));

    private static Gen<string> Json(int depth) => depth == 0
        ? Scalars
        : Gen.OneOf(
            Scalars,
            Json(depth - 1).ArrayOf().Select(items => $"[{string.Join(',', items.Take(4))}]"),
            Keys.Zip(Json(depth - 1)).ArrayOf().Select(pairs => $"{{{string.Join(',', pairs.Take(6).Select(p => $"\"{p.Item1}\":{p.Item2}"))}}}"));
}
