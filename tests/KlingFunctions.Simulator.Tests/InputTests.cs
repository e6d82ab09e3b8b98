using System.Net;
using System.Text.Json.Nodes;

namespace KlingFunctions.Simulator.Tests;

public class InputTests
{
    public static TheoryData<string, string> BadInputs => new()
    {
        { """{"elements": [], "image_urls": []}""", "prompt" },
        { """{"prompt": 7, "elements": [], "image_urls": []}""", "prompt" },
        { """{"prompt": "p", "image_urls": []}""", "elements" },
        { """{"prompt": "p", "elements": []}""", "image_urls" },
        { """{"prompt": "p", "elements": [], "image_urls": "https://e.com/a.png"}""", "image_urls" },
        { """{"prompt": "p", "elements": [], "image_urls": ["a.png"]}""", "image_urls.0" },
        { """{"prompt": "p", "elements": [], "image_urls": [7]}""", "image_urls.0" },
        { """{"prompt": "p", "elements": [], "image_urls": [], "duration": 5}""", "duration" },
        { """{"prompt": "p", "elements": [], "image_urls": [], "duration": "7"}""", "duration" },
        { """{"prompt": "p", "elements": [], "image_urls": [], "aspect_ratio": "4:3"}""", "aspect_ratio" },
        { """{"prompt": "p", "elements": ["x"], "image_urls": []}""", "elements.0" },
        { """{"prompt": "p", "elements": [{"frontal_image_url": "https://e.com/a.png"}], "image_urls": []}""", "elements.0.reference_image_urls" },
        { """{"prompt": "p", "elements": [{"reference_image_urls": []}], "image_urls": []}""", "elements.0.reference_image_urls" },
        { """{"prompt": "p", "elements": [{"frontal_image_url": null, "reference_image_urls": ["https://e.com/a.png"]}], "image_urls": []}""", "elements.0.frontal_image_url" },
        { """{"prompt": "p", "elements": [{"reference_image_urls": ["http://e.com/a", "http://e.com/b", "http://e.com/c", "http://e.com/d", "http://e.com/e"]}], "image_urls": []}""", "elements.0.reference_image_urls" },
        { "[]", "" },
    };

    [Theory]
    [MemberData(nameof(BadInputs))]
    public async Task Input_that_violates_the_schema_is_refused_with_the_place_of_the_fault(string body, string path)
    {
        await using var provider = await Provider.Start();
        var answer = await provider.Post(Provider.Model, body);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, 422001), (answer.StatusCode, answer.Code));
        var places = answer.Json["detail"]!.AsArray().Select(entry =>
            string.Join('.', entry!["loc"]!.AsArray().Skip(1).Select(step => step!.ToString())));
        Assert.Equal([path], places);
        Assert.Equal(0, provider.Account.AcceptedCount);
    }

    [Theory]
    [InlineData(8, 0, false)]
    [InlineData(0, 8, false)]
    [InlineData(4, 4, false)]
    [InlineData(7, 0, true)]
    [InlineData(0, 7, true)]
    [InlineData(3, 4, true)]
    [InlineData(0, 0, true)]
    public async Task At_most_seven_images_and_elements_are_accepted_together(int images, int elements, bool taken)
    {
        await using var provider = await Provider.Start();
        var input = Provider.Input();
        input["image_urls"] = new JsonArray([.. Enumerable.Range(0, images).Select(i => JsonValue.Create($"https://e.com/{i}.png"))]);
        input["elements"] = new JsonArray([.. Enumerable.Range(0, elements).Select(i =>
            new JsonObject { ["frontal_image_url"] = "", ["reference_image_urls"] = new JsonArray($"https://e.com/{i}.png") })]);
        Assert.Equal(taken ? HttpStatusCode.OK : HttpStatusCode.UnprocessableEntity, (await provider.PostInput(input)).StatusCode);
    }

    [Fact]
    public async Task Duration_and_aspect_ratio_have_defaults_and_a_data_URI_is_accepted()
    {
        await using var provider = await Provider.Start();
        var answer = await provider.Post(Provider.Model, """{"prompt": "p", "elements": [], "image_urls": ["data:image/png;base64,AA=="]}""");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0.56m, provider.Account.SpentUsd);
    }

    [Fact]
    public async Task Bad_input_can_be_refused_with_400()
    {
        await using var provider = await Provider.Start(new() { BadInput = BadInput.RejectedWith400 });
        Assert.Equal(HttpStatusCode.BadRequest, (await provider.Post(Provider.Model, "{}")).StatusCode);
    }

    [Fact]
    public async Task Bad_input_can_be_accepted_and_fail_later()
    {
        await using var provider = await Provider.Start(new() { BadInput = BadInput.FailsLater });
        var input = Provider.Input();
        input["duration"] = "7";
        var id = await provider.Submit(input);
        provider.PassARun();
        var result = await provider.Result(id);
        Assert.Equal("failed", result.Text("status"));
        Assert.Contains("duration", result.Text("error"), StringComparison.Ordinal);
        Assert.Equal(1, provider.Account.AcceptedCount);
    }

    [Theory]
    [InlineData(BadInput.RejectedWith422)]
    [InlineData(BadInput.FailsLater)]
    public async Task Body_that_is_not_JSON_is_refused_at_once(BadInput badInput)
    {
        await using var provider = await Provider.Start(new() { BadInput = badInput });
        Assert.Equal(HttpStatusCode.BadRequest, (await provider.Post(Provider.Model, "{\"prompt\":")).StatusCode);
        Assert.Equal(1, provider.Account.Calls(ApiCall.Submit));
    }
}
