using KlingFunctions.Pipeline.Requests.Models;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>Access to RunComfy's Model API. Section <c>RunComfy</c>.</summary>
public sealed class RunComfyOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "RunComfy";

    /// <summary>The bearer token of the account that pays. Required; it never appears in an answer, a log or a trace.</summary>
    public string ApiToken { get; set; } = "";

    /// <summary>
    /// The address of the Model API: https, or http for a loopback address. A trailing <c>/v1</c>, which RunComfy's own command line
    /// expects, is allowed.
    /// </summary>
    public string BaseUrl { get; set; } = "https://model-api.runcomfy.net";

    /// <summary>The model's id in RunComfy's list; <see cref="ModelContract"/> must know it.</summary>
    public string Model { get; set; } = KlingO1.ModelId;

    /// <summary>The price of a second of video in US dollars, in place of the catalogue's: above 0, at most 1,000.</summary>
    public decimal? PricePerSecond { get; set; }

    /// <summary>
    /// Hosts that results may be downloaded from, separated by semicolons. <c>*.example.com</c> matches every host below example.com, not
    /// example.com itself.
    /// </summary>
    public string ResultHosts { get; set; } = "*.runcomfy.net;*.runcomfy.com";
}
