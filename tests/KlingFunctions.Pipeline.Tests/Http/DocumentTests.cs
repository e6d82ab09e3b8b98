using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Diagnosis;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>The OpenAPI document, compared with the code that it describes.</summary>
public class DocumentTests
{
    private const string Image = "https://images.example.com/a.png";

    public static readonly TheoryData<string, Type> Records = new()
    {
        { "VideoResource", typeof(VideoResource) },
        { "ProviderState", typeof(ProviderState) },
        { "VideoFile", typeof(VideoFile) },
        { "JobError", typeof(JobError) },
        { "Fault", typeof(Fault) },
        { "Warning", typeof(Fault) },
        { "NotificationView", typeof(NotificationView) },
        { "VideoPage", typeof(VideoPage) },
        { "VideoCounts", typeof(VideoCounts) },
        { "Asset", typeof(Asset) },
        { "Price", typeof(Price) },
        { "Cost", typeof(Cost) },
        { "ValidationResult", typeof(ValidationResult) },
        { "Problem", typeof(Problem) },
        { "ResumeRequest", typeof(ResumeRequest) },
        { "WebhookHeader", typeof(WebhookHeader) },
        { "SubscriptionRequest", typeof(SubscriptionRequest) },
        { "SubscriptionResource", typeof(SubscriptionResource) },
        { "SubscriptionList", typeof(SubscriptionList) },
        { "BatchAnswer", typeof(BatchAnswer) },
        { "BatchItemAnswer", typeof(BatchItemAnswer) },
        { "BatchResource", typeof(BatchResource) },
        { "BulkRequest", typeof(BulkRequest) },
        { "BulkAnswer", typeof(BulkAnswer) },
        { "BulkItemAnswer", typeof(BulkItemAnswer) },
        { "BatchWebhookBody", typeof(BatchWebhookBody) },
        { "DeadLetterView", typeof(DeadLetterView) },
        { "DeadLetterList", typeof(DeadLetterList) },
        { "WebhookBody", typeof(WebhookBody) },
        { "Health", typeof(Health) },
        { "Checkup", typeof(Checkup) },
        { "Check", typeof(Check) },
    };

    public static readonly TheoryData<string> Examples = [.. ApiDocument.Json["components"]!["examples"]!.AsObject().Select(e => e.Key)];

    [Fact]
    public void Document_is_valid_OpenApi_3_1()
    {
        var result = OpenApiDocument.Parse(ApiDocument.Text, "json");
        Assert.NotNull(result.Document);
        Assert.NotNull(result.Diagnostic);
        Assert.Empty(result.Diagnostic.Errors);
        Assert.Empty(result.Diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, result.Diagnostic.SpecificationVersion);
        Assert.Equal(EventTypes.All, result.Document.Webhooks!.Keys);
    }

    [Fact]
    public async Task Served_document_has_the_hosts_address_and_version()
    {
        await using var app = await TestApp.StartAsync();
        var served = await app.Http.GetStringAsync(new Uri("/api/openapi.json", UriKind.Relative), TestContext.Current.CancellationToken);
        var result = OpenApiDocument.Parse(served, "json");
        Assert.Empty(result.Diagnostic!.Errors);
        Assert.Equal("http://localhost", Assert.Single(result.Document!.Servers!).Url);
        Assert.Equal(typeof(RouteTable).Assembly.GetName().Version!.ToString(3), result.Document.Info.Version);
    }

    [Fact]
    public async Task Document_has_exactly_the_routes_of_the_host()
    {
        await using var app = await TestApp.StartAsync();
        var real = from route in app.Routes
                   where route.RoutePattern.RawText!.StartsWith("/api/", StringComparison.Ordinal) // The page is none of the API.
                   from method in route.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
                   where method != HttpMethods.Head // As GET, by RFC 9110, 9.3.2.
                   select $"{method} {route.RoutePattern.RawText}";
        Assert.Equal(real.Order(StringComparer.Ordinal), ApiDocument.Operations.Select(o => $"{o.Method} {o.Path}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_operation_has_an_id_of_its_own_a_tag_and_descriptions()
    {
        var operations = ApiDocument.Operations.Concat(
            ApiDocument.Json["webhooks"]!.AsObject().Select(w => ("POST", w.Key, w.Value!["post"]!.AsObject()))).ToList();
        Assert.Equal(operations.Count, operations.Select(o => (string)o.Item3["operationId"]!).Distinct().Count());
        var tags = ApiDocument.Json["tags"]!.AsArray().Select(t => (string)t!["name"]!).ToList();
        Assert.All(operations, o => Assert.Contains((string)o.Item3["tags"]![0]!, tags));
        Assert.All(operations, o => Assert.NotEmpty((string)o.Item3["summary"]! + (string)o.Item3["description"]!));
    }

    [Fact]
    public void Routes_need_a_key_except_health_and_signed_links()
    {
        Assert.Equal("function_key", Assert.Single(ApiDocument.Json["security"]![0]!.AsObject()).Key);
        var open = ApiDocument.Operations.Where(o => o.Operation["security"] is JsonArray { Count: 0 });
        Assert.Equal(
            [RouteTable.Health, $"{LinkSigner.Route}/operations/{{id}}", $"{LinkSigner.Route}/subscriptions/{{id}}"],
            open.Select(o => o.Path).Order(StringComparer.Ordinal));
        // The route that needs a key for some calls.
        var optional = ApiDocument.Operations.Where(o => o.Operation["security"] is JsonArray { Count: 2 } both && both[0]!.AsObject().Count == 0);
        Assert.Equal(RouteTable.Ready, Assert.Single(optional).Path);
    }

    [Fact]
    public void Every_component_is_used()
    {
        foreach (var kind in ApiDocument.Json["components"]!.AsObject().Where(k => k.Key is not "securitySchemes"))
            Assert.All(kind.Value!.AsObject(), c => Assert.Contains($"\"#/components/{kind.Key}/{c.Key}\"", ApiDocument.Text, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void Written_properties_are_exactly_those_of_the_schema(string name, Type type)
    {
        var schema = ApiDocument.Schemas[name]!.AsObject();
        var written = Info(type).Properties.ToDictionary(p => p.Name);
        Assert.Equal(written.Keys.Order(StringComparer.Ordinal), schema["properties"]!.AsObject().Select(p => p.Key).Order(StringComparer.Ordinal));
        foreach (var (property, said) in schema["properties"]!.AsObject())
        {
            var (real, documented) = (Nullable.GetUnderlyingType(written[property].PropertyType) ?? written[property].PropertyType, ApiDocument.Follow(said!));
            Assert.Equal(KindOf(real), (string)documented["type"]!);
            Assert.Equal(real == typeof(DateTimeOffset), (string?)documented["format"] is "date-time");
            if (real.IsEnum) Assert.Equal(WordsOf(real), Strings(documented["enum"]));
        }
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void Required_properties_are_exactly_those_always_written(string name, Type type)
    {
        if (type == typeof(ResumeRequest)) return; // Read only: every property has a default.
        var nullability = new NullabilityInfoContext();
        var always = from property in Info(type).Properties
                     let member = type.GetProperties().Single(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name) == property.Name)
                     where nullability.Create(member).ReadState is NullabilityState.NotNull || (type == typeof(SubscriptionRequest) && property.Name == "url")
                     select property.Name;
        Assert.Equal(always.Order(StringComparer.Ordinal), Strings(ApiDocument.Schemas[name]!["required"]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Every_example_fits_its_schema(string name)
    {
        var value = ApiDocument.Json["components"]!["examples"]![name]!["value"]!.ToJsonString();
        var schemas = MediaWith(ApiDocument.Json, name).Select(ApiDocument.SchemaOf).Distinct().ToList();
        Assert.NotEmpty(schemas);
        foreach (var schema in schemas) Assert.Empty(await ApiDocument.FaultsAsync(schema, value));
    }

    [Fact]
    public void Examples_of_problems_have_the_types_and_titles_of_hosts()
    {
        foreach (var (_, example) in ApiDocument.Json["components"]!["examples"]!.AsObject().Where(e => (e.Value!["value"] as JsonObject)?["title"] is not null))
        {
            var problem = JsonSerializer.Deserialize(example!["value"]!.ToJsonString(), PipelineJson.Default.Problem)!;
            Assert.Equal(($"urn:klingfunctions:problem:{problem.Code}", Problem.TitleOf(problem.Status, problem.Code)), (problem.Type, problem.Title));
        }
    }

    [Fact]
    public void Every_code_is_documented_where_it_can_occur()
    {
        var (faults, errors) = (Constants(typeof(FaultCode)), Constants(typeof(ErrorCodes)));
        var images = faults.Where(c => c.StartsWith("image_", StringComparison.Ordinal)).ToList();
        Assert.Equal(errors.Concat(images).Order(StringComparer.Ordinal), Codes("ErrorCode").Order(StringComparer.Ordinal));
        Assert.Empty(faults.Except(Codes("FaultCode")).Except(Codes("WarningCode")));
        Assert.Empty(Codes("ErrorCode").Except(Codes("ProblemCode")));
        Assert.Contains(FaultCode.CancelRefused, Codes("WarningCode"));
        Assert.Contains(FaultCode.OutputsNotListed, Codes("WarningCode"));
        Assert.Equal(Codes("ErrorCode").Concat(Constants(typeof(ProblemCode))).Order(StringComparer.Ordinal), Codes("ProblemCode").Order(StringComparer.Ordinal));
        Assert.Equal(EventTypes.All, Codes("EventType"));
        // The effect of a resume after each error is documented too.
        var description = (string)ApiDocument.Operations.Single(o => o.Path.EndsWith("/{id}/resume", StringComparison.Ordinal)).Operation["description"]!;
        Assert.All(Codes("ErrorCode"), c => Assert.Contains($"`{c}`", description, StringComparison.Ordinal));
    }

    [Fact]
    public void Names_of_checks_are_those_of_the_code() =>
        Assert.Equal(CheckNames.All, Strings(ApiDocument.Schemas["Check"]!["properties"]!["name"]!["enum"]));

    [Fact]
    public void Limits_are_those_of_the_code()
    {
        var request = ApiDocument.Schemas["VideoRequest"]!["properties"]!;
        Assert.Equal(KlingO1.Contract.PropertyNames.Concat(["webhook_url", "webhook_header", "metadata"]), request.AsObject().Select(p => p.Key));
        Assert.Equal(KlingO1.MaxPromptLength, (int)request["prompt"]!["maxLength"]!);
        Assert.Equal(KlingO1.MaxReferences, (int)request["elements"]!["maxItems"]!);
        Assert.Equal(KlingO1.MaxReferences, (int)request["image_urls"]!["maxItems"]!);
        Assert.Equal(KlingO1.MaxElementImages, (int)ApiDocument.Schemas["Element"]!["properties"]!["reference_image_urls"]!["maxItems"]!);
        var header = ApiDocument.Schemas["WebhookHeader"]!["properties"]!;
        Assert.Equal((WebhookHeader.MaxNameLength, WebhookHeader.MaxValueLength), ((int)header["name"]!["maxLength"]!, (int)header["value"]!["maxLength"]!));
        Assert.Equal(UrlRule.MaxLength, (int)ApiDocument.Schemas["ImageUrl"]!["maxLength"]!);
        Assert.Equal(UrlRule.MaxLength, (int)ApiDocument.Schemas["Element"]!["properties"]!["frontal_image_url"]!["maxLength"]!);
        Assert.Equal(RequestReader.MaxWebhookLength, (int)request["webhook_url"]!["maxLength"]!);
        Assert.Equal(SubscriptionRoutes.MaxUrl, (int)ApiDocument.Schemas["SubscriptionRequest"]!["properties"]!["url"]!["maxLength"]!);

        Assert.Equal(BatchBody.MaxItems, (int)ApiDocument.Schemas["BatchRequest"]!["maxItems"]!);
        Assert.Equal(ManyJobs.Most, (int)ApiDocument.Schemas["BulkRequest"]!["properties"]!["ids"]!["maxItems"]!);

        var parameters = ApiDocument.Json["components"]!["parameters"]!;
        Assert.Equal(IdempotencyKey.MaxLength, (int)parameters["IdempotencyKey"]!["schema"]!["maxLength"]!);
        Assert.Equal((1, VideoRoutes.MaxPage, VideoRoutes.DefaultPage),
            ((int)parameters["Limit"]!["schema"]!["minimum"]!, (int)parameters["Limit"]!["schema"]!["maximum"]!, (int)parameters["Limit"]!["schema"]!["default"]!));
    }

    [Theory]
    [InlineData("metadata", RequestReader.MaxMetadataBytes)]
    [InlineData("metadata", RequestReader.MaxMetadataDepth)]
    [InlineData("image_urls", 50)]
    public void Rules_without_a_schema_are_in_the_descriptions(string property, int limit) =>
        Assert.Contains(limit.ToString("N0", System.Globalization.CultureInfo.InvariantCulture), (string)ApiDocument.Schemas["VideoRequest"]!["properties"]![property]!["description"]!, StringComparison.Ordinal);

    [Fact]
    public void Limits_of_an_elements_images_are_described()
    {
        var (limits, words) = (KlingO1.ElementImages, (string)ApiDocument.Schemas["Element"]!["properties"]!["frontal_image_url"]!["description"]!);
        Assert.Contains($"{limits.MaxBytes / 1_000_000} MB", words, StringComparison.Ordinal);
        Assert.Contains($"{limits.MinWidth} × {limits.MinHeight} px", words, StringComparison.Ordinal);
        Assert.Contains(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{limits.MinAspect:0.00} to {limits.MaxAspect:0.00}"), words, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"prompt":"a fox"}""")]
    [InlineData("""{"prompt":"a fox","duration":"5","aspect_ratio":"16:9"}""")]
    [InlineData("""{"prompt":"a fox","duration":"10","aspect_ratio":"9:16"}""")]
    [InlineData("""{"prompt":"a fox","aspect_ratio":"1:1","elements":[],"image_urls":[]}""")]
    [InlineData($$$"""{"prompt":"@Image1","image_urls":["{{{Image}}}"],"webhook_url":"{{{Image}}}","metadata":{"a":[1]}}""")]
    [InlineData($$$"""{"prompt":"@Element1","elements":[{"reference_image_urls":["{{{Image}}}"]}]}""")]
    [InlineData($$$"""{"prompt":"@Element1","elements":[{"frontal_image_url":"{{{Image}}}","reference_image_urls":["{{{Image}}}","{{{Image}}}","{{{Image}}}","{{{Image}}}"]}]}""")]
    public async Task Body_that_the_document_allows_is_accepted(string body)
    {
        Assert.Empty(await ApiDocument.FaultsAsync("VideoRequest", body));
        Assert.Empty(Read(body).Faults);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"prompt":""}""")]
    [InlineData("""{"prompt":" "}""")]
    [InlineData("""{"prompt":7}""")]
    [InlineData("""{"prompt":"a fox","duration":"6"}""")]
    [InlineData("""{"prompt":"a fox","duration":"05"}""")]
    [InlineData("""{"prompt":"a fox","aspect_ratio":"4:3"}""")]
    [InlineData("""{"prompt":"a fox","seed":7}""")]
    [InlineData("""{"prompt":"a fox","metadata":[]}""")]
    [InlineData("""{"prompt":"a fox","webhook_url":"ftp://example.com"}""")]
    [InlineData("""{"prompt":"a fox","image_urls":["data:image/png;base64,AAAA"]}""")]
    [InlineData("""{"prompt":"a fox","image_urls":"https://images.example.com/a.png"}""")]
    [InlineData("""{"prompt":"@Element1","elements":[{}]}""")]
    [InlineData("""{"prompt":"@Element1","elements":[{"reference_image_urls":[]}]}""")]
    [InlineData($$$"""{"prompt":"@Element1","elements":[{"reference_image_urls":["{{{Image}}}"],"images":[]}]}""")]
    [InlineData($$$"""{"prompt":"@Element1","elements":[{"reference_image_urls":["{{{Image}}}","{{{Image}}}","{{{Image}}}","{{{Image}}}","{{{Image}}}"]}]}""")]
    public async Task Body_that_the_document_forbids_is_refused(string body)
    {
        Assert.NotEmpty(await ApiDocument.FaultsAsync("VideoRequest", body));
        Assert.NotEmpty(Read(body).Faults);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Both_accept_a_value_at_a_limit_and_refuse_one_beyond(int beyond)
    {
        string[] bodies =
        [
            new JsonObject { ["prompt"] = new string('x', KlingO1.MaxPromptLength + beyond) }.ToJsonString(),
            new JsonObject { ["prompt"] = "x", ["image_urls"] = Images(KlingO1.MaxReferences + beyond) }.ToJsonString(),
            new JsonObject { ["prompt"] = "x", ["image_urls"] = new JsonArray(Image.PadRight(UrlRule.MaxLength + beyond, 'x')) }.ToJsonString(),
            new JsonObject { ["prompt"] = "x", ["webhook_url"] = Image.PadRight(RequestReader.MaxWebhookLength + beyond, 'x') }.ToJsonString(),
        ];
        foreach (var body in bodies)
        {
            Assert.Equal(beyond == 0, (await ApiDocument.FaultsAsync("VideoRequest", body)).Count == 0);
            Assert.Equal(beyond == 0, Read(body).Faults.Count == 0);
        }
    }

    [Fact]
    public void Defaults_are_those_of_the_host()
    {
        var filledIn = JsonNode.Parse(Read("""{"prompt":"a fox"}""").Request!.Input.GetRawText())!;
        foreach (var (name, property) in ApiDocument.Schemas["VideoRequest"]!["properties"]!.AsObject().Where(p => p.Value!["default"] is not null))
            Assert.True(JsonNode.DeepEquals(filledIn[name], property!["default"]), name);
    }

    [Fact]
    public void Shown_request_has_the_properties_of_a_request()
    {
        var shown = ApiDocument.Schemas["ShownRequest"]!.AsObject();
        Assert.Equal(KlingO1.Contract.PropertyNames.Append("webhook_url"), shown["properties"]!.AsObject().Select(p => p.Key));
        Assert.Equal(KlingO1.Contract.PropertyNames, Strings(shown["required"]));
        foreach (var name in new[] { "duration", "aspect_ratio" })
            Assert.Equal(Strings(ApiDocument.Schemas["VideoRequest"]!["properties"]![name]!["enum"]), Strings(shown["properties"]![name]!["enum"]));
        Assert.Equal(
            ApiDocument.Schemas["Element"]!["properties"]!.AsObject().Select(p => p.Key), ApiDocument.Schemas["ShownElement"]!["properties"]!.AsObject().Select(p => p.Key));
    }

    private static JsonTypeInfo Info(Type type) => PipelineJson.Default.GetTypeInfo(type) ?? PipelineJson.Default.Options.GetTypeInfo(type);

    private static RequestReading Read(string body) =>
        new RequestReader(KlingO1.Contract, Options.Create(new NetworkOptions())).Read(System.Text.Encoding.UTF8.GetBytes(body));

    private static JsonArray Images(int count) => [.. Enumerable.Range(0, count).Select(i => (JsonNode)$"{Image}?{i}")];

    private static string KindOf(Type type) => type switch
    {
        _ when type == typeof(string) || type.IsEnum || type == typeof(DateTimeOffset) => "string",
        _ when type == typeof(int) || type == typeof(long) => "integer",
        _ when type == typeof(decimal) => "number",
        _ when type == typeof(bool) => "boolean",
        _ when type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) => "array",
        _ => "object",
    };

    private static IEnumerable<string> WordsOf(Type type) => Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName);

    private static IReadOnlyList<string> Codes(string schema) => Strings(ApiDocument.Schemas[schema]!["enum"]);

    private static IReadOnlyList<string> Strings(JsonNode? array) => [.. (array?.AsArray() ?? []).Select(n => n!.GetValue<string>())];

    private static IReadOnlyList<string> Constants(Type type) =>
        [.. type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!)];

    /// <summary>Every media type below this node that has the example.</summary>
    private static IEnumerable<JsonNode> MediaWith(JsonNode? node, string example) => node switch
    {
        JsonObject o when o["examples"] is JsonObject examples && o["schema"] is not null && examples.ContainsKey(example) => [o],
        JsonObject o => o.SelectMany(p => MediaWith(p.Value, example)),
        JsonArray a => a.SelectMany(i => MediaWith(i, example)),
        _ => [],
    };
}
