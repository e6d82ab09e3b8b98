using System.Globalization;
using System.Text;
using System.Text.Json;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// One answer of the provider: any status, any bytes. Each property reads all names and shapes that RunComfy documents or that a known
/// client has met, and is null if none is present. None of them throws.
/// </summary>
internal sealed class ProviderReply
{
    private static readonly string[] SentenceKeys =
        ["error_message", "message", "msg", "error", "detail", "details", "errors", "failure_reason", "reason", "title", "debugInfo"];

    private static readonly string[] WordKeys = ["status", "state", "task_status"];
    private static readonly string[] Envelopes = ["data", "result", "response"];
    private static readonly string[] CodeKeys = ["error_code", "errorCode", "code"];
    private static readonly string[] AmountKeys = ["amount_usd", "total_usd", "usd", "amount", "total"];
    private static readonly string[] NestingKeys = ["error", "detail", "errors"];

    /// <summary>
    /// Error codes have five digits or more (docs.runcomfy.com/model-apis/error-codes); smaller numbers repeat the HTTP status, or mean
    /// "no error" (0).
    /// </summary>
    private const int SmallestCode = 10_000;

    /// <summary>The deepest nesting of an error within errors.</summary>
    private const int Deepest = 4;

    private static readonly TimeSpan LongestTook = TimeSpan.FromDays(1);

    private readonly JsonElement _json;
    private readonly byte[] _body;
    private readonly string _token;

    public ProviderReply(int httpStatus, byte[] body, TimeSpan? retryAfter, string token, DateTimeOffset? date = null)
    {
        HttpStatus = httpStatus;
        RetryAfter = retryAfter;
        Date = date;
        _body = body;
        _token = token;
        _json = Parse(body);
    }

    public int HttpStatus { get; }

    public TimeSpan? RetryAfter { get; }

    /// <summary>The time of sending, by the provider's clock.</summary>
    public DateTimeOffset? Date { get; }

    public bool IsSuccess => HttpStatus is >= 200 and <= 299;

    /// <summary>The provider's numeric error code, also within an error object or inside an HTTP 200.</summary>
    public int? Code => FindCode(_json, depth: 0);

    /// <summary>
    /// The provider's word for the state, known or not: <c>status</c>, as documented, else a property in which other services have it. A
    /// nested word that means queued or running wins over a status that may be the call's own.
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

    /// <summary>The cost of the job, if the result has it: a number, or an object with an amount.</summary>
    public Cost? Cost => Money(_json, "cost") ?? Money(_json, "cost_usd") ?? Money(_json, "total_cost_usd");

    /// <summary>The price of a model in the catalogue.</summary>
    public CatalogueEntry Catalogue => new(Money(_json, "base_price_usd")?.Amount, Text(_json, "price_unit"));

    public string? Outcome => Text(_json, "outcome");

    public int? QueuePosition =>
        Text(_json, "queue_position") is { } text && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var position)
            ? position
            : null;

    /// <summary>From <c>created_at</c> to <c>finished_at</c>; null unless they give a plausible run time.</summary>
    public TimeSpan? Took =>
        Time("created_at") is { } created && Time("finished_at") is { } finished && finished > created && finished - created < LongestTook
            ? finished - created
            : null;

    /// <summary>
    /// The request id (or <c>id</c>, which some clients have met instead), if its format is valid; also from a body cut off after it.
    /// </summary>
    public string? RequestId
    {
        get
        {
            var id = _json.ValueKind == JsonValueKind.Undefined ? SalvageRequestId(_body) : Text(_json, "request_id") ?? Text(_json, "id");
            return id is not null && IsRequestId(id) ? id : null;
        }
    }

    /// <summary>The provider's own sentence about the failure, cleaned for people; null when it gave none.</summary>
    public string? Sentence =>
        ProviderText.Clean(_json.ValueKind == JsonValueKind.Undefined ? ProviderText.Decode(_body) : FindSentence(_json, depth: 0), _token);

    /// <summary>Every file that the result names, videos first, the same URL once.</summary>
    public IReadOnlyList<OutputFile> Files => OutputReading.Files(_json);

    /// <summary>Whether files are named where only a success names them.</summary>
    public bool NamesOutput => OutputReading.TellsSuccess(_json);

    /// <summary>Whether the documented place for files holds any URL.</summary>
    public bool HasOutput => OutputReading.HasOutput(_json);

    /// <summary>The value of a numeric property.</summary>
    public decimal? NumberOf(string name) =>
        decimal.TryParse(Text(_json, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>
    /// RunComfy's own nodes accept 1 to 128 of A-Z, a-z, 0-9, _ and - (comfyui-runcomfy-partner-nodes, client.py); the format is not
    /// documented.
    /// </summary>
    public static bool IsRequestId(string id) =>
        id.Length is >= 1 and <= 128 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    private DateTimeOffset? Time(string name) =>
        DateTimeOffset.TryParse(Text(_json, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    private static Cost? Money(JsonElement json, string key)
    {
        if (Text(json, key) is { } text) return Amount(text) is { } amount ? new(amount, Price.Dollars) : null;
        if (Property(json, key) is not { ValueKind: JsonValueKind.Object } cost) return null;
        return AmountKeys.Select(name => Text(cost, name)).OfType<string>().Select(Amount).FirstOrDefault(a => a is not null) is { } found
            ? new(found, Text(cost, "currency") is { Length: 3 } currency ? currency.ToUpperInvariant() : Price.Dollars)
            : null;
    }

    private static decimal? Amount(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var amount) && amount < 1_000_000 ? amount : null;

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
        ReadOnlySpan<byte> json = body;
        if (json.StartsWith(Encoding.UTF8.Preamble)) json = json[3..];
        try
        {
            return JsonElement.Parse(json);
        }
        catch (JsonException)
        {
            return ParseLeniently(json.ToArray());
        }
    }

    /// <summary>
    /// Nearly JSON: with NaN as Python writes it, commas before an end, comments, or other text after the end. The answer may name a paid
    /// video.
    /// </summary>
    private static JsonElement ParseLeniently(byte[] body)
    {
        ReplaceNonNumbers(body);
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        try
        {
            return JsonElement.ParseValue(ref reader);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    /// <summary>Replaces NaN and Infinity outside of strings with numbers of the same length.</summary>
    private static void ReplaceNonNumbers(Span<byte> json)
    {
        var isString = false;
        for (var at = 0; at < json.Length; at++)
        {
            if (isString && json[at] == '\\') at++;
            else if (json[at] == '"') isString = !isString;
            else if (!isString && json[at..].StartsWith("NaN"u8)) "0.0"u8.CopyTo(json[at..]);
            else if (!isString && json[at..].StartsWith("Infinity"u8)) "0.000000"u8.CopyTo(json[at..]);
        }
    }

    /// <summary>The id from an answer that was cut off after it: the job it names is paid for.</summary>
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
