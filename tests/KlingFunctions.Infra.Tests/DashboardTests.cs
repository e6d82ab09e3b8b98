using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Telemetry;

namespace KlingFunctions.Infra;

/// <summary>The dashboards query all metrics of the meter, and no other.</summary>
public sealed class DashboardTests
{
    private const string Grafana = "infra/dashboards/grafana.json";
    private const string Workbook = "infra/dashboards/workbook.json";

    private static readonly IReadOnlyList<Instrument> Metrics =
        [.. typeof(KlingTelemetry).GetFields(BindingFlags.Static | BindingFlags.Public).Select(f => f.GetValue(null)).OfType<Instrument>()];

    [Fact]
    public void Workbook_shows_every_metric_and_no_other() => Assert.Equal(
        Metrics.Select(m => m.Name).Order(),
        Queries(Workbook, "query").SelectMany(query => Regex.Matches(query, "Name == \"([^\"]+)\"").Select(m => m.Groups[1].Value)).Distinct().Order());

    [Fact]
    public void Grafana_dashboard_shows_every_metric_and_no_other() => Assert.Equal(
        Metrics.Select(PrometheusName).Order(),
        Queries(Grafana, "expr").SelectMany(query => Regex.Matches(query, @"\bkling_\w+").Select(m => Regex.Replace(m.Value, "_bucket$", ""))).Distinct().Order());

    [Theory]
    [InlineData(Grafana, "expr")]
    [InlineData(Workbook, "query")]
    public void Queries_use_only_label_values_of_the_app(string file, string property)
    {
        string[] words = [.. EventTypes.All, .. Enum.GetNames<DeliveryState>(), "simulator"];
        var selected = Queries(file, property).SelectMany(q => Regex.Matches(q, "(?:(?:type|state|source)!?=|\"\\]\\) [!=]= )\"([^\"]+)\"").Select(m => m.Groups[1].Value)).ToList();
        Assert.NotEmpty(selected);
        Assert.All(selected, word => Assert.Contains(word, words));
    }

    [Fact]
    public void Panels_of_Grafana_do_not_overlap()
    {
        using var dashboard = JsonDocument.Parse(Repository.Read(Grafana));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(p => p.GetProperty("id").GetInt32()).Distinct().Count());
        var cells = panels.SelectMany(p => Cells(p.GetProperty("gridPos"))).ToList();
        Assert.Equal(cells.Count, cells.Distinct().Count());
        Assert.All(cells, cell => Assert.InRange(cell.X, 0, 23));
    }

    [Fact]
    public void Queries_of_the_workbook_use_its_selected_time()
    {
        using var workbook = JsonDocument.Parse(Repository.Read(Workbook));
        var items = workbook.RootElement.GetProperty("items").EnumerateArray().Select(i => (Type: i.GetProperty("type").GetInt32(), Content: i.GetProperty("content"))).ToList();
        var parameter = Assert.Single(items.Single(i => i.Type == 9).Content.GetProperty("parameters").EnumerateArray()).GetProperty("name").GetString();
        Assert.All(items.Where(i => i.Type == 3), i => Assert.Equal(parameter, i.Content.GetProperty("timeContextFromParameter").GetString()));
    }

    /// <summary>A metric's name in Prometheus after OTLP, which appends unit and kind.</summary>
    private static string PrometheusName(Instrument metric)
    {
        var unit = metric.Unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            { } annotation when annotation.StartsWith('{') => "",
            var other => throw new InvalidOperationException($"{metric.Name} has the unit '{other}': say here what Prometheus makes of it."),
        };
        var kind = metric.GetType().GetGenericTypeDefinition() == typeof(Counter<>) ? "_total" : "";
        return $"{metric.Name.Replace('.', '_')}{unit}{kind}";
    }

    private static List<string> Queries(string file, string property)
    {
        using var json = JsonDocument.Parse(Repository.Read(file));
        return [.. In(json.RootElement)];

        IEnumerable<string> In(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().SelectMany(p =>
                p.Name == property && p.Value.ValueKind is JsonValueKind.String ? [p.Value.GetString()!] : In(p.Value)),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(In),
            _ => [],
        };
    }

    private static IEnumerable<(int X, int Y)> Cells(JsonElement place)
    {
        int Of(string name) => place.GetProperty(name).GetInt32();
        return from x in Enumerable.Range(Of("x"), Of("w")) from y in Enumerable.Range(Of("y"), Of("h")) select (x, y);
    }
}
