using System.Text;
using System.Text.Json.Nodes;

namespace KlingFunctions.Local.Tests.Samples;

/// <summary>The result of an action.</summary>
/// <param name="Status">The status, with the words of <c>runAfter</c>.</param>
/// <param name="Body">The output of the action.</param>
internal sealed record Played(string Status, JsonNode? Body = null);

/// <summary>
/// Runs the definition of a Logic App or a flow from its own JSON: order by <c>runAfter</c>, conditions, expressions
/// (learn.microsoft.com/azure/logic-apps/logic-apps-workflow-actions-triggers).
/// </summary>
/// <param name="definition">The definition.</param>
/// <param name="parameters">The values of its parameters.</param>
/// <param name="run">Runs an action that makes a call: gets its type, and its inputs with all expressions evaluated.</param>
internal sealed class DefinitionPlayer(JsonNode definition, JsonObject parameters, Func<string, JsonNode, Task<Played>> run)
{
    private readonly Dictionary<string, Played> _ended = [];
    private JsonNode? _trigger;

    /// <summary>Evaluates an expression of the definition before a trigger has fired.</summary>
    public JsonNode? Evaluate(JsonNode? value) => new WorkflowExpression(Call).Evaluate(value);

    /// <summary>Runs the actions for a fired trigger; returns the result of each.</summary>
    public async Task<IReadOnlyDictionary<string, Played>> RunAsync(JsonNode triggerBody)
    {
        _ended.Clear();
        _trigger = triggerBody;
        await RunAllAsync(definition["actions"]!.AsObject());
        return _ended;
    }

    private async Task RunAllAsync(JsonObject actions)
    {
        var left = actions.ToDictionary();
        while (left.Count > 0)
        {
            var (name, action) = left.First(a => a.Value!["runAfter"]!.AsObject().All(before => _ended.ContainsKey(before.Key)));
            left.Remove(name);
            var mayRun = action!["runAfter"]!.AsObject().All(before => before.Value!.AsArray().Any(status => (string)status! == _ended[before.Key].Status));
            _ended[name] = mayRun ? await RunActionAsync(action) : new("Skipped");
        }
    }

    private async Task<Played> RunActionAsync(JsonNode action)
    {
        var type = (string)action["type"]!;
        if (type != "If") return await run(type, Evaluate(action["inputs"])!);
        var sides = Evaluate(action["expression"]!["equals"])!.AsArray();
        var branch = (JsonNode.DeepEquals(sides[0], sides[1]) ? action["actions"] : action["else"]!["actions"])!.AsObject();
        await RunAllAsync(branch);
        return new(branch.All(a => _ended[a.Key].Status is "Succeeded" or "Skipped") ? "Succeeded" : "Failed");
    }

    private JsonNode? Call(string function, JsonNode?[] arguments)
    {
        string Text(int i) => WorkflowExpression.TextOf(arguments[i]);
        return function switch
        {
            "parameters" => parameters[Text(0)],
            "triggerBody" => _trigger,
            "body" => _ended[Text(0)].Body,
            "string" => Text(0),
            "json" => JsonNode.Parse(Text(0)),
            "concat" => string.Concat(arguments.Select(WorkflowExpression.TextOf)),
            "base64" => Convert.ToBase64String(Encoding.UTF8.GetBytes(Text(0))),
            "encodeURIComponent" => Uri.EscapeDataString(Text(0)),
            "coalesce" => arguments.FirstOrDefault(argument => argument is not null),
            _ => throw new NotSupportedException($"The samples' player does not know the function {function}."),
        };
    }
}
