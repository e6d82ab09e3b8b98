using System.Text.Json;
using System.Text.RegularExpressions;

namespace KlingFunctions.Infra;

/// <summary>The samples and the documents, compared with the API's contract.</summary>
public sealed class SampleTests
{
    private static JsonElement Contract { get; } = Json("src/KlingFunctions.Pipeline/Http/openapi.json");

    [Fact]
    public void Logic_App_submits_as_the_documents_recommend()
    {
        var app = Json("infra/samples/logic-app.json").GetProperty("resources").EnumerateArray().Single(r => r.GetProperty("type").GetString() == "Microsoft.Logic/workflows");
        var definition = app.GetProperty("properties").GetProperty("definition");
        var order = definition.GetProperty("actions").GetProperty("Make_the_video");
        var inputs = order.GetProperty("inputs");

        Assert.Equal("@{parameters('url')}/api/videos", inputs.GetProperty("uri").GetString());
        Assert.True(Contract.GetProperty("paths").GetProperty("/api/videos").TryGetProperty("post", out _));
        Assert.Equal("POST", inputs.GetProperty("method").GetString());
        // Waits by the asynchronous pattern.
        Assert.False(order.TryGetProperty("operationOptions", out _));
        Assert.Equal("PT3H", order.GetProperty("limit").GetProperty("timeout").GetString());
        // Equal in each repeat; different for another version of the file.
        Assert.Matches("Path.*ETag", inputs.GetProperty("headers").GetProperty("Idempotency-Key").GetString());
        Assert.Equal("SecureString", definition.GetProperty("parameters").GetProperty("key").GetProperty("type").GetString());
        Assert.Equal("inputs", order.GetProperty("runtimeConfiguration").GetProperty("secureData").GetProperty("properties")[0].GetString());
        // Someone is notified of success and of failure.
        var after = definition.GetProperty("actions").EnumerateObject().Select(a => a.Value.GetProperty("runAfter"))
            .Where(r => r.TryGetProperty("Make_the_video", out _)).SelectMany(r => r.GetProperty("Make_the_video").EnumerateArray()).Select(s => s.GetString());
        Assert.Equal(["Failed", "Succeeded", "TimedOut"], after.Order());
    }

    [Theory]
    [InlineData("infra/samples/flow.json")]
    [InlineData("infra/samples/logic-app.json")]
    public void Expression_reads_only_properties_of_the_contract(string sample)
    {
        var schemas = Contract.GetProperty("components").GetProperty("schemas");
        var known = new[] { "VideoResource", "VideoFile", "JobError", "Problem", "WebhookBody", "ShownRequest" }
            .SelectMany(n => schemas.GetProperty(n).GetProperty("properties").EnumerateObject().Select(p => p.Name))
            .Concat(["Path", "Name", "ETag"]).ToHashSet();

        var asked = Regex.Matches(Repository.Read(sample), @"\?\['(\w+)'\]").Select(m => m.Groups[1].Value).Distinct().ToList();

        Assert.NotEmpty(asked);
        Assert.Empty(asked.Except(known));
    }

    [Fact]
    public void Flow_uses_operations_of_the_connector()
    {
        var operations = Json("infra/connector/apiDefinition.swagger.json").GetProperty("paths").EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject()).Where(o => o.Value.TryGetProperty("operationId", out _)).Select(o => o.Value.GetProperty("operationId").GetString());
        var used = Regex.Matches(Repository.Read("infra/samples/flow.json"), "shared_klingfunctions\", \"operationId\": \"(\\w+)\"").Select(m => m.Groups[1].Value).ToList();

        Assert.Equal(2, used.Count);
        Assert.Empty(used.Except(operations));
    }

    [Fact]
    public void Sample_request_fits_the_contract()
    {
        var known = Contract.GetProperty("components").GetProperty("schemas").GetProperty("VideoRequest").GetProperty("properties").EnumerateObject().Select(p => p.Name);

        Assert.Empty(Json("samples/request.json").EnumerateObject().Select(p => p.Name).Except(known));
    }

    public static TheoryData<string> Documents => [.. Directory.GetFiles(Repository.Root, "*.md").Concat(Directory.GetFiles(Repository.Path("docs"), "*.md")).Concat(Directory.GetFiles(Repository.Path("samples"), "*.md")).Select(p => Path.GetRelativePath(Repository.Root, p)).Order()];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_of_the_documents_lead_to_existing_files(string document)
    {
        var folder = Path.GetDirectoryName(Repository.Path(document))!;
        var links = Regex.Matches(Repository.Read(document), @"\]\((?!https?://|#)([^)#\s]+)").Select(m => m.Groups[1].Value);

        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(folder, link)), $"{document} links to {link}."));
    }

    private static JsonElement Json(string path) => JsonDocument.Parse(Repository.Read(path)).RootElement;
}
