using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Http;

/// <summary>The answers of the routes, compared with the OpenAPI document.</summary>
public class AnswerTests
{
    // Answers of the hosts themselves, before the routes.
    private static readonly string[] OfTheHost = ["401", "403", "500"];

    public static readonly TheoryData<string> Scenarios = [.. Scenario.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Answer_equals_the_document(string name)
    {
        var scenario = Scenario.All.Single(s => s.Name == name);
        await using var app = await TestApp.StartAsync(scenario.RunComfy, scenario.Settings);
        using var answer = await scenario.RunAsync(app);
        var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(scenario.Status == answer.StatusCode, $"{answer.StatusCode}: {body}");

        var documented = Responses(scenario)[((int)answer.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture)];
        Assert.NotNull(documented);
        var said = ApiDocument.Follow(documented);
        var headers = said["headers"]?.AsObject() ?? [];
        Assert.All(headers, h => Assert.True(Has(answer, h.Key) || ApiDocument.Follow(h.Value!)["required"] is null, $"{h.Key} is missing"));
        Assert.All(new[] { "Location", "Retry-After", "ETag" }.Where(h => Has(answer, h)), h => Assert.True(headers.ContainsKey(h), $"{h} is not documented"));

        if (said["content"]?.AsObject() is not { } content)
        {
            Assert.Empty(body);
            return;
        }
        var type = answer.Content.Headers.ContentType!.MediaType!;
        var media = content.Single(c => c.Key == type || c.Key == $"{type.Split('/')[0]}/*").Value!;
        if (type.EndsWith("json", StringComparison.Ordinal) && media["schema"]!["$ref"] is not null)
            Assert.Empty(await ApiDocument.FaultsAsync(ApiDocument.SchemaOf(media), body));
    }

    [Fact]
    public void Every_documented_answer_is_given_by_some_call()
    {
        var documented = from operation in ApiDocument.Operations
                         from status in operation.Operation["responses"]!.AsObject()
                         where !OfTheHost.Contains(status.Key) || (status.Key is "401" && operation.Operation["security"] is JsonArray { Count: 0 })
                         select $"{operation.Method} {operation.Path} {status.Key}";
        Assert.Equal(
            Scenario.All.Select(s => $"{s.Method} {s.Route} {(int)s.Status}").Distinct().Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("succeeded", "status", "\"done\"")]
    [InlineData("succeeded", "video/sha256", "\"abc\"")]
    [InlineData("succeeded", "outputs/0/size_bytes", "\"7\"")]
    [InlineData("succeeded", "notifications/0/state", "\"lost\"")]
    [InlineData("failed", "error/details/0/code", "\"odd\"")]
    [InlineData("failed", "created_at", "\"yesterday\"")]
    public async Task Validator_refuses_a_wrong_answer(string example, string place, string value)
    {
        // A validator that accepts everything would pass all other tests.
        var resource = ApiDocument.Json["components"]!["examples"]![example]!["value"]!.DeepClone();
        var way = place.Split('/');
        var holder = way.SkipLast(1).Aggregate(resource, (at, step) => int.TryParse(step, out var i) ? at[i]! : at[step]!);
        holder[way[^1]] = JsonNode.Parse(value);
        Assert.NotEmpty(await ApiDocument.FaultsAsync("VideoResource", resource.ToJsonString()));
    }

    [Fact]
    public async Task Operation_of_a_job_that_failed_without_an_error_says_that_it_failed()
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Put(SampleJobs.Ended(SampleJobs.New(), JobStatus.Failed, error: null));
        using var answer = await app.Http.GetAsync(new Uri("/api/videos/vid_1/operation", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Empty(await ApiDocument.FaultsAsync("Problem", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Readiness_is_checked_at_most_once_in_five_seconds()
    {
        await using var app = await TestApp.StartAsync();
        async Task<int> AskAsync()
        {
            using var answer = await app.Http.GetAsync(new Uri("/api/health/ready", UriKind.Relative), TestContext.Current.CancellationToken);
            return (int)answer.StatusCode;
        }
        Assert.Equal(200, await AskAsync());
        app.Jobs.AreAway = true;
        Assert.Equal(200, await AskAsync());
        app.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(503, await AskAsync());
    }

    [Fact]
    public async Task Compressed_body_is_refused_as_unsupported_encoding()
    {
        await using var app = await TestApp.StartAsync();
        using var body = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
        body.Headers.ContentEncoding.Add("gzip");
        using var answer = await app.Http.PostAsync(new Uri("/api/videos", UriKind.Relative), body, TestContext.Current.CancellationToken);
        Assert.Equal((System.Net.HttpStatusCode.UnsupportedMediaType, ProblemCode.UnsupportedEncoding), (answer.StatusCode, await CodeAsync(answer)));
    }

    [Fact]
    public async Task Content_of_running_job_is_not_ready()
    {
        await using var app = await TestApp.StartAsync();
        app.Jobs.Put(new(SampleJobs.New(), JobState.Initial(SampleJobs.New()), IsRunning: true, []));
        using var answer = await app.Http.GetAsync(new Uri("/api/videos/vid_1/content", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal((System.Net.HttpStatusCode.Conflict, ProblemCode.VideoNotReady), (answer.StatusCode, await CodeAsync(answer)));
    }

    private static async Task<string> CodeAsync(HttpResponseMessage answer) =>
        (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["code"]!;

    private static JsonObject Responses(Scenario scenario) => ApiDocument.Operations
        .Single(o => o.Method == scenario.Method.Method && o.Path == scenario.Route).Operation["responses"]!.AsObject();

    private static bool Has(HttpResponseMessage answer, string header) =>
        answer.Headers.NonValidated.Contains(header) || answer.Content.Headers.NonValidated.Contains(header);
}
