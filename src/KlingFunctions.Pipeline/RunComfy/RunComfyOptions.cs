using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>How to reach RunComfy's Model API. Section <c>RunComfy</c>.</summary>
public sealed class RunComfyOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "RunComfy";

    /// <summary>The bearer token of the account that pays. Required; it never appears in an answer, a log or a trace.</summary>
    public string ApiToken { get; set; } = "";

    /// <summary>
    /// Where the Model API lives. https, or http for a loopback address; a trailing <c>/v1</c>, which RunComfy's own command line expects,
    /// does no harm.
    /// </summary>
    public string BaseUrl { get; set; } = "https://model-api.runcomfy.net";

    /// <summary>The model's id as RunComfy lists it; one that <see cref="ModelContract"/> knows.</summary>
    public string Model { get; set; } = KlingO1.ModelId;

    /// <summary>
    /// Hosts that results may be fetched from, separated by semicolons. <c>*.example.com</c> stands for every host below example.com, not
    /// for example.com itself.
    /// </summary>
    public string ResultHosts { get; set; } = "*.runcomfy.net;*.runcomfy.com";
}
