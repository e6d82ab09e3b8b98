using System.Text.Json;
using System.Text.RegularExpressions;
using KlingFunctions.ComplianceTests.Node;

namespace KlingFunctions.Infra.Connector;

/// <summary>The definition of the custom connector, checked with a validator and compared with the API's contract.</summary>
public sealed class ConnectorTests
{
    private static readonly NpmPackage Validator = new("@apidevtools/swagger-parser", "13.1.0", "swagger", "The tests of the connector");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static JsonElement Definition { get; } = Json(ConnectorDefinition.File);

    private static JsonElement Contract { get; } = Json("src/KlingFunctions.Pipeline/Http/openapi.json");

    public static TheoryData<string, string> Operations => new(
        Definition.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Where(o => IsMethod(o.Name)).Select(o => (path.Name, o.Name))));

    [Fact]
    public async Task Definition_is_Swagger_2_0()
    {
        var verdict = await ValidateAsync(Repository.Path(ConnectorDefinition.File));

        Assert.True(verdict.Code == 0, verdict.Output + verdict.Error);
    }

    [Fact]
    public async Task Validator_finds_a_fault()
    {
        var faulty = Path.GetTempFileName();
        await File.WriteAllTextAsync(faulty, Repository.Read(ConnectorDefinition.File).Replace("\"in\": \"path\"", "\"in\": \"road\"", StringComparison.Ordinal), Cancel);

        var verdict = await ValidateAsync(faulty);

        Assert.NotEqual(0, verdict.Code);
        File.Delete(faulty);
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void Operation_is_that_of_the_API_with_its_parameters_and_answers(string path, string method)
    {
        var ours = Definition.GetProperty("paths").GetProperty(path).GetProperty(method);
        var theirs = Contract.GetProperty("paths").GetProperty(path).GetProperty(method);

        Assert.Equal(theirs.GetProperty("operationId").GetString(), ours.GetProperty("operationId").GetString(), ignoreCase: true);
        var known = theirs.TryGetProperty("parameters", out var parameters)
            ? parameters.EnumerateArray().Select(p => At(Contract, p.GetProperty("$ref").GetString()!)).ToDictionary(p => p.GetProperty("name").GetString()!) : [];
        foreach (var parameter in ours.GetProperty("parameters").EnumerateArray().Where(p => p.GetProperty("in").GetString() != "body"))
        {
            var same = known[parameter.GetProperty("name").GetString()!];
            Assert.Equal(same.GetProperty("in").GetString(), parameter.GetProperty("in").GetString());
            Assert.Equal(same.TryGetProperty("required", out var required) && required.GetBoolean(), parameter.GetProperty("required").GetBoolean());
        }
        Assert.Equal(theirs.TryGetProperty("requestBody", out _), ours.GetProperty("parameters").EnumerateArray().Any(p => p.GetProperty("in").GetString() == "body"));
        // A 200 of the first call stands for the last poll of an operation that began with 202.
        var answers = ours.GetProperty("responses").EnumerateObject().Select(r => r.Name).Where(r => !(path == "/api/videos" && method == "post" && r == "200"));
        Assert.Subset(theirs.GetProperty("responses").EnumerateObject().Select(r => r.Name).ToHashSet(), answers.ToHashSet());
    }

    [Fact]
    public void Every_operation_that_starts_or_shows_a_job_is_in_the_connector()
    {
        // Routes without a key, such as health, are not for users of a connection; nor are the document and the checkup.
        var wanted = Contract.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject()
            .Where(o => IsMethod(o.Name) && !o.Value.TryGetProperty("security", out _)).Select(o => $"{o.Name} {p.Name}")).Except(["get /api/openapi.json", "get /api/health/ready", "get /api/doctor"]);

        Assert.Equal(wanted.Order(), Operations.Select(o => $"{o.Data.Item2} {o.Data.Item1}").Order());
    }

    [Fact]
    public void Definition_has_the_properties_of_the_API_and_no_other()
    {
        var schemas = Contract.GetProperty("components").GetProperty("schemas");
        foreach (var definition in Definition.GetProperty("definitions").EnumerateObject())
        {
            var theirs = schemas.GetProperty(definition.Name);
            Assert.Equal(Names(theirs), Names(definition.Value));
            Assert.Equal(Required(theirs), Required(definition.Value));
            foreach (var property in definition.Value.GetProperty("properties").EnumerateObject())
            {
                var same = theirs.GetProperty("properties").GetProperty(property.Name);
                Assert.Equal(TypeOf(Contract, same), TypeOf(Definition, property.Value));
            }
        }
    }

    [Fact]
    public void Trigger_subscribes_the_platforms_address_and_unsubscribes_by_Location()
    {
        var path = Definition.GetProperty("paths").GetProperty("/api/subscriptions");
        var subscribe = path.GetProperty("post");
        Assert.Equal("single", subscribe.GetProperty("x-ms-trigger").GetString());
        Assert.Equal("#/definitions/WebhookBody", path.GetProperty("x-ms-notification-content").GetProperty("schema").GetProperty("$ref").GetString());

        var request = Definition.GetProperty("definitions").GetProperty("SubscriptionRequest").GetProperty("properties");
        Assert.True(request.GetProperty("url").GetProperty("x-ms-notification-url").GetBoolean());
        Assert.Equal("internal", request.GetProperty("url").GetProperty("x-ms-visibility").GetString());
        Assert.True(subscribe.GetProperty("responses").GetProperty("201").GetProperty("headers").TryGetProperty("Location", out _));
        Assert.Equal("internal", Definition.GetProperty("paths").GetProperty("/api/subscriptions/{id}").GetProperty("delete").GetProperty("x-ms-visibility").GetString());
    }

    [Fact]
    public void Action_that_makes_a_video_is_asynchronous()
    {
        var responses = Definition.GetProperty("paths").GetProperty("/api/videos").GetProperty("post").GetProperty("responses");

        Assert.Equal("#/definitions/VideoResource", responses.GetProperty("200").GetProperty("schema").GetProperty("$ref").GetString());
        Assert.True(responses.GetProperty("202").GetProperty("headers").TryGetProperty("Location", out _));
        Assert.True(responses.GetProperty("202").GetProperty("headers").TryGetProperty("Retry-After", out _));
    }

    [Fact]
    public void Connection_asks_for_the_host_and_hides_the_key()
    {
        var properties = Json("infra/connector/apiProperties.json").GetProperty("properties");
        var parameters = properties.GetProperty("connectionParameters");
        Assert.Equal("securestring", parameters.GetProperty("api_key").GetProperty("type").GetString());
        var key = Assert.Single(Definition.GetProperty("securityDefinitions").EnumerateObject()).Value;
        Assert.Equal(("apiKey", "header", "x-functions-key"), (key.GetProperty("type").GetString(), key.GetProperty("in").GetString(), key.GetProperty("name").GetString()));

        var policy = Assert.Single(properties.GetProperty("policyTemplateInstances").EnumerateArray());
        var host = Regex.Match(policy.GetProperty("parameters").GetProperty("x-ms-apimTemplateParameter.urlTemplate").GetString()!, @"^https://@connectionParameters\('(\w+)'\)$");
        Assert.True(parameters.TryGetProperty(host.Groups[1].Value, out _));
        // The policy replaces host and base path with the address of the connection.
        Assert.Equal("/", Definition.GetProperty("basePath").GetString());
    }

    private static async Task<CommandLine> ValidateAsync(string file)
    {
        const string script = "import('@apidevtools/swagger-parser').then(p => p.default.validate(process.argv[1])).catch(e => { console.error(String(e)); process.exit(1); });";
        return await CommandLine.RunAsync("node", ["-e", script, file], Cancel, directory: await Validator.EnsureAsync(Cancel));
    }

    private static bool IsMethod(string name) => name is "get" or "post" or "delete";

    private static IEnumerable<string> Names(JsonElement schema) => schema.GetProperty("properties").EnumerateObject().Select(p => p.Name).Order();

    private static IEnumerable<string?> Required(JsonElement schema) =>
        schema.TryGetProperty("required", out var required) ? required.EnumerateArray().Select(r => r.GetString()).Order() : [];

    private static string? TypeOf(JsonElement document, JsonElement schema)
    {
        while (schema.TryGetProperty("$ref", out var reference)) schema = At(document, reference.GetString()!);
        return schema.GetProperty("type").GetString();
    }

    private static JsonElement At(JsonElement document, string reference) =>
        reference[2..].Split('/').Aggregate(document, (at, step) => at.GetProperty(step.Replace("~1", "/", StringComparison.Ordinal)));

    private static JsonElement Json(string path) => JsonDocument.Parse(Repository.Read(path)).RootElement;
}
