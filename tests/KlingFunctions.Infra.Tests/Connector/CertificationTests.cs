using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;
using NJsonSchema;

namespace KlingFunctions.Infra.Connector;

/// <summary>
/// Microsoft's rules for a connector in github.com/microsoft/PowerPlatformConnectors: learn.microsoft.com/connectors/custom-connectors,
/// "certification-submission" and "connector-string-guidance".
/// </summary>
public sealed class CertificationTests
{
    private const string Properties = "infra/connector/apiProperties.json";
    private const string Schemas = "tests/KlingFunctions.Infra.Tests/Connector";

    private static readonly string[] Categories =
    [
        "AI", "Business Management", "Business Intelligence", "Collaboration", "Commerce", "Communication", "Content and Files", "Finance", "Data",
        "Human Resources", "Internet of Things", "IT Operations", "Lifestyle and Entertainment", "Marketing", "Productivity", "Sales and CRM", "Security",
        "Social Media", "Website",
    ];

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private static JsonElement Definition { get; } = JsonDocument.Parse(Repository.Read(ConnectorDefinition.File)).RootElement;

    private static JsonElement Info => Definition.GetProperty("info");

    private static IEnumerable<JsonElement> Operations => Definition.GetProperty("paths").EnumerateObject()
        .SelectMany(path => path.Value.EnumerateObject()).Where(o => o.Name is "get" or "post" or "put" or "patch" or "delete").Select(o => o.Value);

    private static IEnumerable<JsonElement> Parameters => Operations.SelectMany(o => o.GetProperty("parameters").EnumerateArray());

    private static IEnumerable<JsonElement> SchemaProperties => Definition.GetProperty("definitions").EnumerateObject()
        .SelectMany(d => d.Value.GetProperty("properties").EnumerateObject()).Select(p => p.Value);

    [Fact]
    public async Task Definition_is_generated_from_the_API_document()
    {
        var generated = ConnectorDefinition.Generate();
        if (generated == Repository.Read(ConnectorDefinition.File)) return;

        await File.WriteAllTextAsync(Repository.Path(ConnectorDefinition.File), generated, CancellationToken);
        Assert.Fail($"{ConnectorDefinition.File} did not match openapi.json. This test has written it again: review the difference and commit it.");
    }

    [Theory]
    [InlineData("apiDefinition.schema.json", ConnectorDefinition.File)]
    [InlineData("apiProperties.schema.json", Properties)]
    public async Task File_fits_its_schema(string schema, string file) => Assert.Empty(await FaultsAsync(schema, Repository.Read(file)));

    [Theory]
    [InlineData("apiDefinition.schema.json", ConnectorDefinition.File, "\"operationId\": \"CreateVideo\"", "\"operationId\": \"createVideo\"")]
    [InlineData("apiDefinition.schema.json", ConnectorDefinition.File, "\"404\": {", "\"default\": {")]
    [InlineData("apiDefinition.schema.json", ConnectorDefinition.File, "\"x-ms-summary\": \"Prompt\",", "")]
    [InlineData("apiDefinition.schema.json", ConnectorDefinition.File, "\"email\": ", "\"mail\": ")]
    [InlineData("apiProperties.schema.json", Properties, "\"publisher\": \"KlingFunctions\",", "")]
    [InlineData("apiProperties.schema.json", Properties, "\"#2B3A67\"", "\"blue\"")]
    public async Task Schema_refuses_a_faulty_file(string schema, string file, string text, string faulty)
    {
        Assert.Contains(text, Repository.Read(file), StringComparison.Ordinal);

        Assert.NotEmpty(await FaultsAsync(schema, Repository.Read(file).Replace(text, faulty, StringComparison.Ordinal)));
    }

    [Fact]
    public void Operation_ids_are_unique_and_in_Pascal_case()
    {
        var ids = Operations.Select(o => o.GetProperty("operationId").GetString()!).ToList();

        Assert.Distinct(ids);
        Assert.All(ids, id => Assert.Matches("^([A-Z][a-z]+)+$", id));
    }

    [Fact]
    public void Operation_summaries_are_phrases_in_sentence_case() =>
        Assert.All(Operations.Select(o => o.GetProperty("summary").GetString()!), summary =>
        {
            Assert.Matches("^[A-Z][a-z]+( [a-z]+)*$", summary);
            Assert.InRange(summary.Length, 1, 80);
        });

    [Fact]
    public void Parameters_and_properties_have_summaries_in_title_case() =>
        Assert.All(Parameters.Concat(SchemaProperties), named =>
        {
            Assert.True(named.TryGetProperty("x-ms-summary", out var summary), named.GetRawText());
            Assert.Matches("^[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*$", summary.GetString());
        });

    [Fact]
    public void References_have_summaries_too()
    {
        var references = SchemaProperties.Where(p => p.TryGetProperty("$ref", out _)).ToList();

        Assert.NotEmpty(references);
        Assert.All(references, reference => Assert.True(reference.TryGetProperty("x-ms-summary", out _)));
    }

    [Fact]
    public void Descriptions_are_whole_sentences()
    {
        var descriptions = Texts(Definition).Where(t => t.Name == "description").Select(t => t.Text).Distinct().ToList();

        Assert.True(descriptions.Count > 80);
        Assert.All(descriptions, description =>
        {
            Assert.Matches(@"^[A-Z].*\.$", description);
            Assert.DoesNotMatch(@"[`|*]|\n", description);
            Assert.True(description.Split(' ').Length >= 3, description);
        });
    }

    [Fact]
    public void Trigger_says_when_it_triggers()
    {
        var trigger = Assert.Single(Operations, o => o.TryGetProperty("x-ms-trigger", out _));

        Assert.StartsWith("When a ", trigger.GetProperty("summary").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("This operation triggers when ", trigger.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.EndsWith(".", trigger.GetProperty("x-ms-trigger-hint").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_are_named_by_status_and_every_answer_has_a_schema() =>
        Assert.All(Operations, operation =>
        {
            var responses = operation.GetProperty("responses").EnumerateObject().ToList();
            Assert.DoesNotContain(responses, r => r.Name == "default");
            Assert.Contains(responses, r => r.Name[0] == '2');
            Assert.Contains(responses, r => r.Name == "401");
            Assert.All(responses.Where(r => r.Name != "204"), r => Assert.True(r.Value.TryGetProperty("schema", out _), r.Name));
        });

    [Fact]
    public void Title_and_description_name_only_the_product()
    {
        Assert.InRange(Info.GetProperty("title").GetString()!.Length, 1, 30);
        Assert.DoesNotMatch("(?i)\\bAPI\\b|connector", Info.GetProperty("title").GetString());
        Assert.InRange(Info.GetProperty("description").GetString()!.Length, 30, 500);
        Assert.All(Texts(Definition), text => Assert.DoesNotMatch("Power (Apps|Automate|Platform|BI|Pages)|Copilot Studio|Logic Apps", text.Text));
    }

    [Theory]
    [InlineData(ConnectorDefinition.File)]
    [InlineData(Properties)]
    [InlineData("infra/connector/readme.md")]
    public void File_is_ASCII_and_below_1_MB(string file)
    {
        var text = Repository.Read(file);

        Assert.All(text.Where(c => !char.IsAscii(c)).Distinct(), c => Assert.Fail($"{file} has the character '{c}'."));
        Assert.True(text.Length < 1_000_000);
    }

    [Fact]
    public void Contact_website_privacy_policy_and_categories_are_given()
    {
        var metadata = Definition.GetProperty("x-ms-connector-metadata").EnumerateArray()
            .ToDictionary(m => m.GetProperty("propertyName").GetString()!, m => m.GetProperty("propertyValue").GetString()!);

        Assert.All(["name", "url", "email"], (string name) => Assert.NotEmpty(Info.GetProperty("contact").GetProperty(name).GetString()!));
        Assert.StartsWith("https://", metadata["Website"], StringComparison.Ordinal);
        Assert.StartsWith(metadata["Website"] + "/blob/main/", metadata["Privacy policy"], StringComparison.Ordinal);
        Assert.True(File.Exists(Repository.Path(metadata["Privacy policy"][(metadata["Website"] + "/blob/main/").Length..])));
        var categories = metadata["Categories"].Split(';');
        Assert.InRange(categories.Length, 1, 2);
        Assert.Empty(categories.Except(Categories));
    }

    [Fact]
    public void Brand_color_is_neither_white_nor_the_default()
    {
        var color = BrandColor();

        Assert.NotEqual("#FFFFFF", color.ToUpperInvariant());
        Assert.NotEqual("#007EE5", color.ToUpperInvariant());
    }

    [Fact]
    public void Icon_is_230_by_230_on_the_brand_color()
    {
        var png = File.ReadAllBytes(Repository.Path("infra/connector/icon.png"));

        Assert.Equal((230, 230), (BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))));
        // Eight bits per channel and three channels: no transparency.
        Assert.Equal((8, 2), (png[24], png[25]));
        Assert.Equal(BrandColor(), $"#{Convert.ToHexString(FirstPixel(png))}");
    }

    [Fact]
    public void Folder_has_exactly_the_files_of_a_pull_request() =>
        Assert.Equal(
            ["apiDefinition.swagger.json", "apiProperties.json", "icon.png", "readme.md"],
            Directory.GetFileSystemEntries(Repository.Path("infra/connector")).Select(Path.GetFileName).Order(StringComparer.Ordinal));

    [Fact]
    public void Readme_has_the_sections_of_the_template_and_every_operation()
    {
        var readme = Repository.Read("infra/connector/readme.md");

        Assert.All(
            ["# KlingFunctions", "## Publisher: ", "## Prerequisites", "## Supported Operations", "## Obtaining Credentials", "## Getting Started", "## Known Issues and Limitations"],
            (string section) => Assert.Contains($"{section}", readme, StringComparison.Ordinal));
        var visible = Operations.Where(o => o.GetProperty("x-ms-visibility").GetString() != "internal").Select(o => o.GetProperty("summary").GetString()!);
        Assert.Equal(visible.Order(), Regex.Matches(readme, "^### (.+)$", RegexOptions.Multiline).Select(m => m.Groups[1].Value).Order());
    }

    private static string BrandColor() =>
        JsonDocument.Parse(Repository.Read(Properties)).RootElement.GetProperty("properties").GetProperty("iconBrandColor").GetString()!;

    private static async Task<IEnumerable<string>> FaultsAsync(string schema, string json)
    {
        var rules = await JsonSchema.FromJsonAsync(Repository.Read($"{Schemas}/{schema}"), CancellationToken);
        return rules.Validate(json).Select(fault => fault.ToString());
    }

    /// <summary>Every text for people, with the name of its property.</summary>
    private static IEnumerable<(string Name, string Text)> Texts(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p =>
            p.Value.ValueKind == JsonValueKind.String && p.Name is "description" or "summary" or "x-ms-summary" or "x-ms-trigger-hint"
                ? [(p.Name, p.Value.GetString()!)] : Texts(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Texts),
        _ => [],
    };

    /// <summary>The first pixel of a PNG, which any filter of its row leaves unchanged.</summary>
    private static byte[] FirstPixel(byte[] png)
    {
        var data = png.AsSpan().IndexOf("IDAT"u8) + 4;
        using var pixels = new ZLibStream(new MemoryStream(png, data, png.Length - data), CompressionMode.Decompress);
        var row = new byte[4];
        pixels.ReadExactly(row);
        return row[1..];
    }
}
