using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

/// <summary>Answers of megabytes. They are slow, so mutation tests leave them out.</summary>
public class LongAnswerTests
{
    [Theory]
    [InlineData("x")]
    [InlineData("\\\"")]
    [InlineData("\\u00e9")]
    [InlineData("é")]
    [InlineData("\\\\")]
    public async Task Answer_that_repeats_megabytes_of_the_request_is_read_to_its_end(string filling)
    {
        // The cut falls into the filling, at a different position each time.
        var image = string.Concat(Enumerable.Repeat(filling, 40_000)) + new string('y', 2_000_000);
        var body = $$$"""{"input":{"image_urls":["{{{image}}}","x{{{image}}}","xy{{{image}}}"]},"status":"completed","output":{"video":"https://h/v.mp4"}}""";
        var answer = await Clients.On(StubHandler.Answering(200, body)).GetResultAsync("req_1", TestContext.Current.CancellationToken);
        Assert.Equal("https://h/v.mp4", Assert.Single(Assert.IsType<ResultAnswer.Succeeded>(answer).Files).Url);
    }

    [Fact]
    public async Task Video_behind_thousands_of_log_lines_is_found()
    {
        var logs = string.Join(',', Enumerable.Range(0, 20_000).Select(i => $$"""{"at":{{i}},"line":"frame {{i}} rendered"}"""));
        var answer = await Clients.On(StubHandler.Answering(200, $$$"""{"status":"completed","logs":[{{{logs}}}],"output":{"video":"https://h/v.mp4"}}""")).GetResultAsync("req_1", TestContext.Current.CancellationToken);
        Assert.Equal("https://h/v.mp4", Assert.Single(Assert.IsType<ResultAnswer.Succeeded>(answer).Files).Url);
    }
}
