using System.Runtime.InteropServices;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests.Json;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>Reads a body into a request, or finds all of its faults that need no network.</summary>
/// <remarks>
/// Beside the model's own properties a body may have three of ours: <c>webhook_url</c>, an address by <see cref="UrlRule"/> of at most
/// <see cref="MaxWebhookLength"/> characters; <c>webhook_header</c>, the <see cref="WebhookHeader"/> for it; and <c>metadata</c>, an
/// object of at most <see cref="MaxMetadataBytes"/> bytes as sent and <see cref="MaxMetadataDepth"/> levels, returned unchanged. A
/// property that is null counts as absent, as does an optional one that is an empty text.
/// </remarks>
public sealed class RequestReader(ModelContract model, IOptions<NetworkOptions> options)
{
    /// <summary>The largest body that is read, in bytes.</summary>
    public const int MaxBytes = 256 * 1024;

    /// <summary>The most characters of <c>webhook_url</c>.</summary>
    public const int MaxWebhookLength = 2_048;

    /// <summary>The most bytes of <c>metadata</c>, in UTF-8 as it was sent, white space included.</summary>
    public const int MaxMetadataBytes = 4_096;

    /// <summary>The deepest nesting of <c>metadata</c>: the object itself is the first level.</summary>
    public const int MaxMetadataDepth = 8;

    private const string WebhookUrl = "webhook_url";
    private const string Header = "webhook_header";
    private const string Metadata = "metadata";

    private static readonly string[] HeaderNames = ["name", "value"];

    private readonly string[] _propertyNames = [.. model.PropertyNames, WebhookUrl, Header, Metadata];

    private readonly bool _allowLoopback = options.Value.AllowLoopback;

    /// <summary>Reads <paramref name="utf8Body"/>. Never throws: any bytes give a request or faults.</summary>
    /// <param name="utf8Body">JSON in UTF-8, with or without a byte order mark.</param>
    /// <param name="allowAssets">Accepts paths of uploads as images, as <see cref="AssetUri"/>s: for uploads, which have the same owner.</param>
    /// <param name="firstLine">The number of its first line in the caller's file.</param>
    public RequestReading Read(ReadOnlyMemory<byte> utf8Body, bool allowAssets = false, int firstLine = 1)
    {
        var findings = new Findings();
        if (JsonBody.Parse(utf8Body.Span, out var fault, firstLine) is not { } body)
        {
            findings.Fault("", FaultCode.InvalidJson, fault!);
            return findings.Reading(NoRequest);
        }
        if (body.ValueKind != JsonValueKind.Object)
        {
            findings.Fault("", FaultCode.WrongType, $"The request must be a JSON object, not {Wording.Kind(body)}.");
            return findings.Reading(NoRequest);
        }
        var properties = Properties.Of(body, "", _propertyNames, findings);
        var input = model.Read(properties, url => ImageFault(url, allowAssets), findings);
        var webhookUrl = ReadWebhookUrl(properties, findings);
        var webhookHeader = ReadWebhookHeader(properties, findings);
        var metadata = ReadMetadata(properties, findings);
        return findings.Reading(() => new VideoRequest
        {
            Input = input,
            WebhookUrl = webhookUrl,
            WebhookHeader = webhookHeader,
            Metadata = metadata,
            Fingerprint = CanonicalJson.Fingerprint(input, webhookUrl, webhookHeader, metadata),
        });
    }

    private static VideoRequest NoRequest() => throw new InvalidOperationException("A body with a fault makes no request.");

    private string? ImageFault(string url, bool allowAssets)
    {
        if (!AssetUri.Is(url)) return UrlRule.Fault(url, _allowLoopback);
        if (AssetUri.IsSha256(AssetUri.PathOf(url))) return null;
        return allowAssets ? AssetUri.Fault(url) : "An asset: address with a path is accepted in uploads only: send the image to POST /api/assets, or give an https URL.";
    }

    private string? ReadWebhookUrl(Properties properties, Findings findings)
    {
        if (properties.Optional(WebhookUrl) is not { } value) return null;
        var place = properties.PointerTo(WebhookUrl);
        if (value.ValueKind != JsonValueKind.String)
        {
            findings.Fault(place, FaultCode.WrongType, $"The webhook_url must be a text, not {Wording.Kind(value)}.");
            return null;
        }
        var url = value.GetString()!;
        if (url.Length > MaxWebhookLength)
            findings.Fault(place, FaultCode.TooLong, $"The webhook_url has {url.Length:N0} characters: at most {MaxWebhookLength:N0} are accepted.");
        else if (string.IsNullOrWhiteSpace(url))
            findings.Fault(place, FaultCode.Empty, "The webhook_url is blank: give an https URL, or leave it out.");
        else if (UrlRule.Fault(url, _allowLoopback) is { } fault)
            findings.Fault(place, FaultCode.InvalidUrl, fault);
        return url;
    }

    private static WebhookHeader? ReadWebhookHeader(Properties properties, Findings findings)
    {
        if (properties.Optional(Header) is not { } value) return null;
        var place = properties.PointerTo(Header);
        if (value.ValueKind != JsonValueKind.Object)
        {
            findings.Fault(place, FaultCode.WrongType, $"The webhook_header must be an object with name and value, not {Wording.Kind(value)}.");
            return null;
        }
        if (properties.Optional(WebhookUrl) is null)
            findings.Fault(place, FaultCode.Required, "The webhook_header goes with a webhook_url: give that too, or leave the header out.");
        var header = Properties.Of(value, place, HeaderNames, findings);
        var (name, text) = (TextOf(header, "name", findings), TextOf(header, "value", findings));
        if (name is null || text is null) return null;
        WebhookHeader.Check(name, text, place, findings);
        return new(name, text);
    }

    /// <summary>The text of a property, empty if absent; null if it is not a text.</summary>
    private static string? TextOf(Properties properties, string name, Findings findings)
    {
        if (properties[name] is not { } value) return "";
        if (value.ValueKind == JsonValueKind.String) return value.GetString();
        findings.Fault(properties.PointerTo(name), FaultCode.WrongType, $"The {name} must be a text, not {Wording.Kind(value)}.");
        return null;
    }

    private static JsonElement? ReadMetadata(Properties properties, Findings findings)
    {
        if (properties.Optional(Metadata) is not { } value) return null;
        var place = properties.PointerTo(Metadata);
        if (value.ValueKind != JsonValueKind.Object)
        {
            findings.Fault(place, FaultCode.WrongType, $"The metadata must be an object, not {Wording.Kind(value)}.");
            return null;
        }
        if (JsonMarshal.GetRawUtf8Value(value).Length is > MaxMetadataBytes and var length)
            findings.Fault(place, FaultCode.TooLong, $"The metadata has {length:N0} bytes: at most {MaxMetadataBytes:N0} are accepted.");
        else
            CheckMetadata(value, place, depth: 1, findings);
        return value.Clone();
    }

    private static void CheckMetadata(JsonElement value, string place, int depth, Findings findings)
    {
        if (value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)) return;
        if (depth > MaxMetadataDepth)
        {
            findings.Fault(place, FaultCode.NotAllowedValue, $"The metadata nests deeper than {MaxMetadataDepth} levels here: make it flatter.");
            return;
        }
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var (i, item) in value.EnumerateArray().Index()) CheckMetadata(item, JsonPointer.Child(place, i), depth + 1, findings);
            return;
        }
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in value.EnumerateObject())
        {
            var child = JsonPointer.Child(place, property.Name);
            if (!names.Add(property.Name))
                findings.Fault(child, FaultCode.DuplicateProperty, $"{Wording.Quote(property.Name)} is there more than once: keep one of them.");
            CheckMetadata(property.Value, child, depth + 1, findings);
        }
    }
}
