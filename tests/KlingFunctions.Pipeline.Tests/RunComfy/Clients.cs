using System.Text.Json;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

internal static class Clients
{
    public const string Token = "rc-secret-token";
    public static readonly JsonElement Input = JsonElement.Parse("""{ "prompt": "a fox",  "elements": [], "image_urls": [] }""");

    public static RunComfyClient On(HttpMessageHandler handler, TimeProvider? time = null, string baseUrl = "https://model-api.runcomfy.net") =>
        new(
            new HttpClient(handler),
            Options.Create(new RunComfyOptions { ApiToken = Token, BaseUrl = baseUrl }),
            time ?? new FakeTimeProvider(),
            NullLogger<RunComfyClient>.Instance);
}
