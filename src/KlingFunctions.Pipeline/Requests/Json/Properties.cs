using System.Text.Json;
using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>The known properties of one JSON object, each once.</summary>
internal sealed class Properties
{
    private readonly string _pointer;
    private readonly Dictionary<string, JsonElement> _values;

    private Properties(string pointer, Dictionary<string, JsonElement> values) => (_pointer, _values) = (pointer, values);

    /// <summary>Reads <paramref name="value"/>, which is an object; each unknown or repeated property becomes a fault.</summary>
    public static Properties Of(JsonElement value, string pointer, IReadOnlyList<string> known, Findings findings)
    {
        var values = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var property in value.EnumerateObject())
        {
            var place = JsonPointer.Child(pointer, property.Name);
            if (!known.Contains(property.Name))
            {
                var nearest = NearestName.Of(property.Name, known);
                findings.Fault(place, FaultCode.UnknownProperty,
                    $"{Wording.Quote(property.Name)} is not known here: the nearest known name is \"{nearest}\" (of {string.Join(", ", known)}).");
            }
            else if (!values.TryAdd(property.Name, property.Value))
            {
                findings.Fault(place, FaultCode.DuplicateProperty, $"\"{property.Name}\" is there more than once: keep one of them.");
            }
        }
        return new Properties(pointer, values);
    }

    /// <summary>The value of a property; <see langword="null"/> if it is absent or JSON's null, which mean the same.</summary>
    public JsonElement? this[string name] =>
        _values.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>The value of an optional property. Forms send an empty text for a blank field: it counts as absent.</summary>
    public JsonElement? Optional(string name) =>
        this[name] is { } value && !(value.ValueKind == JsonValueKind.String && value.ValueEquals("")) ? value : null;

    /// <summary>The pointer to a property of this object, present or not.</summary>
    public string PointerTo(string name) => JsonPointer.Child(_pointer, name);
}
