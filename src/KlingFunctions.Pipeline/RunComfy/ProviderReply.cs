using System.Globalization;
using System.Text;
using System.Text.Json;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// One answer of the provider's, as it came: any status, any bytes. Its properties find what is there under every name and in every shape
/// that RunComfy documents or that a known client of it has met, and are null for the rest. None of them throws.
/// </summary>
internal sealed class ProviderReply
{
    private static readonly string[] SentenceKeys =
        ["error_message", "message", "msg", "error", "detail", "details", "errors", "failure_reason", "reason", "title", "debugInfo"];

    private static readonly string[] WordKeys = ["status", "state", "task_status"];
    private static readonly string[] Envelopes = ["data", "result", "response"];
    private static readonly string[] CodeKeys = ["error_code", "errorCode", "code"];
    private static readonly string[] NestingKeys = ["error", "detail", "errors"];

    /// <summary>
    /// Error codes have five digits or more (docs.runcomfy.com/model-apis/error-codes); what is smaller repeats the HTTP status, or says
    /// "no error" as 0.
    /// </summary>
    private const int SmallestCode = 10_000;

    /// <summary>Errors lie no deeper within errors than this.</summary>
    private const int Deepest = 4;

    private readonly JsonElement _json;
    private readonly byte[] _body;
    private readonly string _token;

    public ProviderReply(int httpStatus, byte[] body, TimeSpan? retryAfter, string token)
    {
        HttpStatus = httpStatus;
        RetryAfter = retryAfter;
        _body = body;
        _token = token;
        _json = Parse(body);
    }

    public int HttpStatus { get; }

    public TimeSpan? RetryAfter { get; }

    public bool IsSuccess => HttpStatus is >= 200 and <= 299;

    /// <summary>The provider's numeric error code, also where it stands within an error object or inside an HTTP 200.</summary>
    public int? Code => FindCode(_json, depth: 0);

    /// <summary>
    /// The provider's word for the state, whether known or not: <c>status</c>, as documented, else one of the places in which other services
    /// have it. Beside a status that may be the call's own, a nested one that says that the job goes on is believed.
    /// </summary>
    public string? Word
    {
        get
        {
            var words = Envelopes.Select(key => Property(_json, key)).OfType<JsonElement>().Prepend(_json)
                .SelectMany(json => WordKeys.Select(key => Text(json, key))).OfType<string>().ToList();
            return words.Find(word => StateWords.Read(word) is RequestState.Queued or RequestState.Running)
                ?? words.Find(word => StateWords.Read(word) is not null) ?? words.FirstOrDefault();
        }
    }

    public string? Outcome => Text(_json, "outcome");

    public int? QueuePosition =>
        Text(_json, "queue_position") is { } text && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var position)
            ? position
            : null;

    /// <summary>
    /// The request id (or <c>id</c>, which some clients have met in its place), if it has the form of one; also out of a body that was cut
    /// off after it.
    /// </summary>
    public string? RequestId
    {
        get
        {
            var id = _json.ValueKind == JsonValueKind.Undefined ? SalvageRequestId(_body) : Text(_json, "request_id") ?? Text(_json, "id");
            return id is not null && IsRequestId(id) ? id : null;
        }
    }

    /// <summary>The provider's own sentence about what went wrong, cleaned for people; null when it gave none.</summary>
    public string? Sentence =>
        ProviderText.Clean(_json.ValueKind == JsonValueKind.Undefined ? ProviderText.Decode(_body) : FindSentence(_json, depth: 0), _token);

    /// <summary>Every file that the result names, videos first, the same URL once.</summary>
    public IReadOnlyList<OutputFile> Files => OutputReading.Files(_json);

    /// <summary>Whether files are named where only a success names them.</summary>
    public bool NamesOutput => OutputReading.TellsSuccess(_json);

    /// <summary>
    /// RunComfy's own nodes accept 1 to 128 of A-Z, a-z, 0-9, _ and - (comfyui-runcomfy-partner-nodes, client.py); the format is not
    /// documented.
    /// </summary>
    public static bool IsRequestId(string id) =>
        id.Length is >= 1 and <= 128 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private static int? FindCode(JsonElement json, int depth)
    {
        foreach (var key in CodeKeys)
        {
            if (Text(json, key) is { } text && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var code) && code >= SmallestCode)
                return code;
        }

        if (depth == Deepest)
            return null;
        var inner = json.ValueKind == JsonValueKind.Array
            ? json.EnumerateArray().Take(8)
            : NestingKeys.Select(key => Property(json, key)).OfType<JsonElement>();
        return inner.Select(element => FindCode(element, depth + 1)).FirstOrDefault(code => code is not null);
    }

    private static string? FindSentence(JsonElement json, int depth)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                return Text(json) is { } text && !string.IsNullOrWhiteSpace(text) ? text : null;
            case JsonValueKind.Array when depth < Deepest:
                var sentences = json.EnumerateArray().Take(3).Select(item => FindSentence(item, depth + 1)).OfType<string>();
                var joined = string.Join("; ", sentences);
                return joined.Length > 0 ? joined : null;
            case JsonValueKind.Object when depth < Deepest:
                var found = SentenceKeys
                    .Select(key => Property(json, key) is { } inner ? FindSentence(inner, depth + 1) : null)
                    .FirstOrDefault(sentence => sentence is not null);
                return found is not null && Property(json, "loc") is { ValueKind: JsonValueKind.Array } loc
                    ? $"{string.Join('.', loc.EnumerateArray().Take(8).Select(Text))}: {found}"
                    : found;
            default:
                return null;
        }
    }

    private static JsonElement? Property(JsonElement json, string name)
    {
        try
        {
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : null;
        }
        catch (InvalidOperationException)
        {
            return null; // a name somewhere in the object is not valid Unicode
        }
    }

    private static string? Text(JsonElement json, string name) => Property(json, name) is { } value ? Text(value) : null;

    private static string? Text(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.String => value.GetString(),
                JsonValueKind.Number => value.GetRawText(),
                _ => null,
            };
        }
        catch (InvalidOperationException)
        {
            return null; // a lone surrogate or broken UTF-8
        }
    }

    private static JsonElement Parse(byte[] body)
    {
        try
        {
            ReadOnlySpan<byte> json = body;
            return JsonElement.Parse(json.StartsWith(Encoding.UTF8.Preamble) ? json[3..] : json);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    /// <summary>The id out of an answer that broke off behind it: the job it names is paid for.</summary>
    private static string? SalvageRequestId(byte[] body)
    {
        var reader = new Utf8JsonReader(body, isFinalBlock: false, state: default);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1 && reader.ValueTextEquals("request_id"u8))
                    return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
        }

        return null;
    }
}
