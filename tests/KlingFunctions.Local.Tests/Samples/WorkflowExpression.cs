using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace KlingFunctions.Local.Tests.Samples;

/// <summary>
/// The part of the Workflow Definition Language that the samples use (learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference):
/// <c>@expression</c>, <c>@{expression}</c> within a text, functions, and <c>?['name']</c>.
/// </summary>
/// <param name="call">Gives the value of a function.</param>
internal sealed class WorkflowExpression(Func<string, JsonNode?[], JsonNode?> call)
{
    /// <summary>The value with all its expressions evaluated.</summary>
    public JsonNode? Evaluate(JsonNode? value) => value switch
    {
        JsonObject o => new JsonObject(o.Select(p => KeyValuePair.Create(p.Key, Evaluate(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Evaluate)]),
        JsonValue v when v.TryGetValue<string>(out var text) => Evaluate(text),
        _ => value?.DeepClone(),
    };

    private JsonNode? Evaluate(string text)
    {
        if (text.StartsWith("@@", StringComparison.Ordinal)) return text[1..];
        if (text.StartsWith('@') && !text.StartsWith("@{", StringComparison.Ordinal)) return new Reader(text, 1, call).All()?.DeepClone();
        var result = new StringBuilder();
        for (var i = 0; i < text.Length;)
        {
            if (string.CompareOrdinal(text, i, "@{", 0, 2) != 0)
            {
                result.Append(text[i++]);
                continue;
            }
            var reader = new Reader(text, i + 2, call);
            result.Append(TextOf(reader.Expression()));
            i = reader.Expect('}');
        }
        return result.ToString();
    }

    /// <summary>The value as text, as <c>string()</c> gives it.</summary>
    public static string TextOf(JsonNode? value) =>
        value is null ? "" : value is JsonValue v && v.TryGetValue<string>(out var text) ? text : value.ToJsonString();

    private sealed class Reader(string text, int at, Func<string, JsonNode?[], JsonNode?> call)
    {
        private int _at = at;

        public JsonNode? All()
        {
            var value = Expression();
            return _at == text.Length ? value : throw Fault();
        }

        public JsonNode? Expression()
        {
            var value = Primary();
            while (true)
            {
                Space();
                var isOptional = Take('?');
                if (Take('['))
                {
                    var key = Expression();
                    Expect(']');
                    value = value is JsonObject o ? o[TextOf(key)]
                        : isOptional || value is null ? null
                        : throw new InvalidOperationException($"There is no property '{key}' of what '{text}' has there.");
                }
                else if (isOptional)
                {
                    throw Fault();
                }
                else
                {
                    return value;
                }
            }
        }

        public int Expect(char c)
        {
            Space();
            return Take(c) ? _at : throw Fault();
        }

        private JsonNode? Primary()
        {
            Space();
            if (Take('\''))
            {
                // Quotation marks within a string would be doubled; the samples have none.
                var end = text.IndexOf('\'', _at);
                var literal = text[_at..end];
                _at = end + 1;
                return literal;
            }
            var begin = _at;
            while (_at < text.Length && char.IsLetterOrDigit(text[_at])) _at++;
            var name = text[begin.._at];
            if (int.TryParse(name, CultureInfo.InvariantCulture, out var number)) return number;
            Expect('(');
            var arguments = new List<JsonNode?>();
            Space();
            while (!Take(')'))
            {
                if (arguments.Count > 0) Expect(',');
                arguments.Add(Expression());
                Space();
            }
            return call(name, [.. arguments]);
        }

        private bool Take(char c)
        {
            if (_at == text.Length || text[_at] != c) return false;
            _at++;
            return true;
        }

        private void Space()
        {
            while (_at < text.Length && text[_at] == ' ') _at++;
        }

        private FormatException Fault() => new($"'{text}' can't be read from character {_at} on.");
    }
}
