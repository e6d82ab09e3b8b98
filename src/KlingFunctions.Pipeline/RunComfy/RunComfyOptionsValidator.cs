using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>Stops the start with one sentence for each wrong setting, naming its key.</summary>
internal sealed class RunComfyOptionsValidator : IValidateOptions<RunComfyOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RunComfyOptions options)
    {
        List<string> faults = [.. Faults(options)];
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Faults(RunComfyOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.ApiToken))
            yield return "RunComfy:ApiToken is missing: set it to a token from your RunComfy profile.";
        else if (options.ApiToken.Any(c => c is <= ' ' or > '~'))
            yield return "RunComfy:ApiToken holds a space, a line break or another character that no token has: paste the bare token, without \"Bearer\" before it.";

        if (!Uri.TryCreate(options.BaseUrl, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http"))
            yield return "RunComfy:BaseUrl is not a URL: it should look like https://model-api.runcomfy.net.";
        else if (url.Scheme == "http" && !url.IsLoopback)
            yield return "RunComfy:BaseUrl uses http, which would show the token to everyone on the way: use https (http is allowed for a loopback address only).";
        else if (url.UserInfo.Length > 0 || url.Query.Length > 0 || url.Fragment.Length > 0)
            yield return "RunComfy:BaseUrl may hold a scheme, a host, a port and a path only: take the user info, the query or the fragment out.";

        if (ModelContract.Find(options.Model) is null)
        {
            yield return "RunComfy:Model names a model that this version does not know, and whose input it could not check before paying: "
                + $"it should be {string.Join(" or ", ModelContract.All.Select(model => model.Id))}.";
        }

        if (options.PricePerSecond is <= 0 or > 1_000)
            yield return $"RunComfy:PricePerSecond is {options.PricePerSecond}: it should be a price in US dollars above 0, and at most 1000.";

        if (!ResultHosts.TryParse(options.ResultHosts, out _, out var fault))
            yield return $"RunComfy:ResultHosts {fault}: it should look like *.runcomfy.net;*.runcomfy.com.";
    }
}
