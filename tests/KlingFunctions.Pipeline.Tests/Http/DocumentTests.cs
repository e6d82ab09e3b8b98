using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>The OpenAPI document against the code that it describes.</summary>
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
        { "ValidationResult", typeof(ValidationResult) },
        { "Problem", typeof(Problem) },
        { "ResumeRequest", typeof(ResumeWish) },
        { "WebhookHeader", typeof(WebhookHeader) },
        { "SubscriptionRequest", typeof(SubscriptionRequest) },
        { "SubscriptionResource", typeof(SubscriptionResource) },
        { "SubscriptionList", typeof(SubscriptionList) },
        { "WebhookBody", typeof(WebhookBody) },
        { "Health", typeof(Health) },
    };

    public static readonly TheoryData<string> Examples = [.. ApiDocument.Json["components"]!["examples"]!.AsObject().Select(e => e.Key)];

    [Fact]
    public void It_is_read_as_OpenApi_3_1_without_a_complaint()
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
    public async Task What_a_host_serves_is_the_same_with_its_own_address_and_version()
    {
        await using var app = await TestApp.StartAsync();
        var served = await app.Http.GetStringAsync(new Uri("/api/openapi.json", UriKind.Relative), TestContext.Current.CancellationToken);
        var result = OpenApiDocument.Parse(served, "json");
        Assert.Empty(result.Diagnostic!.Errors);
        Assert.Equal("http://localhost", Assert.Single(result.Document!.Servers!).Url);
        Assert.Equal(typeof(RouteTable).Assembly.GetName().Version!.ToString(3), result.Document.Info.Version);
    }

    [Fact]
    public async Task It_has_exactly_the_routes_that_there_are()
    {
        await using var app = await TestApp.StartAsync();
        var real = from route in app.Routes
                   from method in route.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
                   where method != HttpMethods.Head // As GET, by RFC 9110, 9.3.2.
                   select $"{method} {route.RoutePattern.RawText}";
        Assert.Equal(real.Order(StringComparer.Ordinal), ApiDocument.Operations.Select(o => $"{o.Method} {o.Path}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_operation_has_a_name_of_its_own_a_tag_and_words()
    {
        var operations = ApiDocument.Operations.Concat(
            ApiDocument.Json["webhooks"]!.AsObject().Select(w => ("POST", w.Key, w.Value!["post"]!.AsObject()))).ToList();
        Assert.Equal(operations.Count, operations.Select(o => (string)o.Item3["operationId"]!).Distinct().Count());
        var tags = ApiDocument.Json["tags"]!.AsArray().Select(t => (string)t!["name"]!).ToList();
        Assert.All(operations, o => Assert.Contains((string)o.Item3["tags"]![0]!, tags));
        Assert.All(operations, o => Assert.NotEmpty((string)o.Item3["summary"]! + (string)o.Item3["description"]!));
    }

    [Fact]
    public void All_but_health_and_signed_links_need_a_key()
    {
        Assert.Equal("function_key", Assert.Single(ApiDocument.Json["security"]![0]!.AsObject()).Key);
        var open = ApiDocument.Operations.Where(o => o.Operation["security"] is JsonArray { Count: 0 });
        Assert.Equal(
            [RouteTable.Health, $"{RouteTable.Health}/ready", $"{LinkSigner.Route}/operations/{{id}}", $"{LinkSigner.Route}/subscriptions/{{id}}"],
            open.Select(o => o.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_component_is_used()
    {
        foreach (var kind in ApiDocument.Json["components"]!.AsObject().Where(k => k.Key is not "securitySchemes"))
            Assert.All(kind.Value!.AsObject(), c => Assert.Contains($"\"#/components/{kind.Key}/{c.Key}\"", ApiDocument.Text, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void Every_property_that_is_written_is_in_its_schema_with_its_type_and_nothing_else_is(string name, Type type)
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
    public void What_is_always_written_is_required_and_nothing_else_is(string name, Type type)
    {
        if (type == typeof(ResumeWish)) return; // read only: every property has its default
        var nullability = new NullabilityInfoContext();
        var always = from property in Info(type).Properties
                     let member = type.GetProperties().Single(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name) == property.Name)
                     where nullability.Create(member).ReadState is NullabilityState.NotNull || (type == typeof(SubscriptionRequest) && property.Name == "url")
                     select property.Name;
        Assert.Equal(always.Order(StringComparer.Ordinal), Strings(ApiDocument.Schemas[name]!["required"]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task Every_example_fits_the_schema_that_it_is_an_example_of(string name)
    {
        var value = ApiDocument.Json["components"]!["examples"]![name]!["value"]!.ToJsonString();
        var schemas = MediaWith(ApiDocument.Json, name).Select(ApiDocument.SchemaOf).Distinct().ToList();
        Assert.NotEmpty(schemas);
        foreach (var schema in schemas) Assert.Empty(await ApiDocument.FaultsAsync(schema, value));
    }

    [Fact]
    public void The_examples_of_problems_have_the_type_and_the_title_that_hosts_give_them()
    {
        foreach (var (_, example) in ApiDocument.Json["components"]!["examples"]!.AsObject().Where(e => e.Value!["value"]!["title"] is not null))
        {
            var problem = JsonSerializer.Deserialize(example!["value"]!.ToJsonString(), PipelineJson.Default.Problem)!;
            Assert.Equal(($"urn:klingfunctions:problem:{problem.Code}", Problem.TitleOf(problem.Status, problem.Code)), (problem.Type, problem.Title));
        }
    }

    [Fact]
    public void Every_code_is_in_the_document_where_it_can_occur()
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
        // What resuming does after each error is told, too.
        var told = (string)ApiDocument.Operations.Single(o => o.Path.EndsWith("/resume", StringComparison.Ordinal)).Operation["description"]!;
        Assert.All(Codes("ErrorCode"), c => Assert.Contains($"`{c}`", told, StringComparison.Ordinal));
    }

    [Fact]
    public void The_limits_are_those_of_the_code()
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

        var parameters = ApiDocument.Json["components"]!["parameters"]!;
        Assert.Equal(IdempotencyKey.MaxLength, (int)parameters["IdempotencyKey"]!["schema"]!["maxLength"]!);
        Assert.Equal((1, VideoRoutes.MaxPage, VideoRoutes.DefaultPage),
            ((int)parameters["Limit"]!["schema"]!["minimum"]!, (int)parameters["Limit"]!["schema"]!["maximum"]!, (int)parameters["Limit"]!["schema"]!["default"]!));
    }

    [Theory]
    [InlineData("metadata", RequestReader.MaxMetadataBytes)]
    [InlineData("metadata", RequestReader.MaxMetadataDepth)]
    [InlineData("image_urls", 50)]
    public void What_a_schema_can_not_say_is_said_in_words(string property, int limit) =>
        Assert.Contains(limit.ToString("N0", System.Globalization.CultureInfo.InvariantCulture), (string)ApiDocument.Schemas["VideoRequest"]!["properties"]![property]!["description"]!, StringComparison.Ordinal);

    [Fact]
    public void The_limits_of_an_elements_images_are_said_in_words()
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
    public async Task What_the_document_allows_the_host_takes(string body)
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
    public async Task What_the_document_forbids_the_host_refuses(string body)
    {
        Assert.NotEmpty(await ApiDocument.FaultsAsync("VideoRequest", body));
        Assert.NotEmpty(Read(body).Faults);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task At_a_limit_both_take_and_beyond_it_both_refuse(int beyond)
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
    public void The_defaults_are_those_that_the_host_fills_in()
    {
        var filledIn = JsonNode.Parse(Read("""{"prompt":"a fox"}""").Request!.Input.GetRawText())!;
        foreach (var (name, property) in ApiDocument.Schemas["VideoRequest"]!["properties"]!.AsObject().Where(p => p.Value!["default"] is not null))
            Assert.True(JsonNode.DeepEquals(filledIn[name], property!["default"]), name);
    }

    [Fact]
    public void What_is_shown_of_a_request_is_what_can_be_in_one()
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
        _ when type == typeof(bool) => "boolean",
        _ when type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) => "array",
        _ => "object",
    };

    private static IEnumerable<string> WordsOf(Type type) => Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName);

    private static IReadOnlyList<string> Codes(string schema) => Strings(ApiDocument.Schemas[schema]!["enum"]);

    private static IReadOnlyList<string> Strings(JsonNode? array) => [.. (array?.AsArray() ?? []).Select(n => n!.GetValue<string>())];

    private static IReadOnlyList<string> Constants(Type type) =>
        [.. type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!)];

    /// <summary>Every media type, anywhere below, that has this example.</summary>
    private static IEnumerable<JsonNode> MediaWith(JsonNode? node, string example) => node switch
    {
        JsonObject o when o["examples"] is JsonObject examples && o["schema"] is not null && examples.ContainsKey(example) => [o],
        JsonObject o => o.SelectMany(p => MediaWith(p.Value, example)),
        JsonArray a => a.SelectMany(i => MediaWith(i, example)),
        _ => [],
    };
}
