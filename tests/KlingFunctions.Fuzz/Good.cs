using System.Reflection;

namespace KlingFunctions.Fuzz;

/// <summary>Valid inputs, from which every attack starts.</summary>
internal static class Good
{
    public const string Request = """
        {
          "prompt": "@Element1 walks through @Image1",
          "elements": [{
            "frontal_image_url": "https://example.com/front.png?sig=a+b",
            "reference_image_urls": ["https://example.com/side.jpeg", "https://example.com/back.jpeg"]
          }],
          "image_urls": ["https://example.com/street.webp"],
          "duration": "10",
          "aspect_ratio": "9:16",
          "webhook_url": "https://example.com/hook?key=1",
          "metadata": { "order": 7, "tags": ["a", "b"], "deep": { "er": [null, true, 1.5] } }
        }
        """;

    public const string Upload = """
        { "prompt": "@Image1 turns", "image_urls": ["front.png"], "elements": [{ "reference_image_urls": ["../side.jpg"] }], "duration": 5 }
        """;

    public const string Recipe = """{ "prompt": "@Image1 turns", "image_urls": ["$asset"], "elements": [], "metadata": { "of": "$asset" } }""";

    public const string RequestId = "req_5f3a-9";

    public static readonly string[] Images = ["baseline.jpg", "picture.png", "lossy.webp", "lossless.webp", "extended.webp"];

    /// <summary>RunComfy's answer to an accepted submission (docs.runcomfy.com/model-apis/async-queue-endpoints).</summary>
    public const string Submitted = $$"""
        {
          "request_id": "{{RequestId}}",
          "status_url": "https://model-api.runcomfy.net/v1/requests/{{RequestId}}/status",
          "result_url": "https://model-api.runcomfy.net/v1/requests/{{RequestId}}/result",
          "cancel_url": "https://model-api.runcomfy.net/v1/requests/{{RequestId}}/cancel"
        }
        """;

    public const string Status = $$"""{ "request_id": "{{RequestId}}", "status": "in_queue", "queue_position": 3, "result_url": "https://model-api.runcomfy.net/x" }""";

    public const string Result = $$"""
        {
          "request_id": "{{RequestId}}", "status": "succeeded",
          "output": { "video": "https://a.runcomfy.net/v.mp4?sig=1", "videos": ["https://a.runcomfy.net/w.mp4"], "images": ["https://a.runcomfy.net/i.png"] },
          "created_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:05:00Z"
        }
        """;

    public const string Cancelled = $$"""{ "request_id": "{{RequestId}}", "status": "completed", "outcome": "cancelled" }""";

    public const string Refused = """{ "error_code": 400002, "error_message": "no balance", "detail": [{ "loc": ["body", "prompt"], "msg": "too long" }] }""";

    public static byte[] Image(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
