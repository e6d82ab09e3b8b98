using System.Net;
using KlingFunctions.Pipeline.Network;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Diagnosis;

/// <summary>Checks whether the base address of links in webhooks leads to this host.</summary>
/// <param name="client">Connects like webhooks do.</param>
/// <param name="options">The address.</param>
public sealed class AddressCheck(GuardedClient client, IOptions<PublicOptions> options)
{
    /// <summary>Makes the check.</summary>
    public async Task<Check> RunAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Url is not { } url)
        {
            return new(
                CheckNames.PublicAddress, CheckState.Ok,
                "Public:Url is not set: links in webhooks begin with the address of the request that started the job. "
                + "Set it if receivers know this host by another one.");
        }
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{url}/api/health");
            using var response = await client.SendAsync(request, redirects: 0, mayFollow: null, cancellationToken);
            return response.StatusCode is HttpStatusCode.OK
                ? new(CheckNames.PublicAddress, CheckState.Ok, $"{url} leads here.")
                : Doubt($"{url} answers HTTP {(int)response.StatusCode}.");
        }
        catch (UrlRefusedException e)
        {
            return Doubt($"{url} can't be called from here. {e.Message}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return Doubt($"{url} can't be reached from here.");
        }
    }

    private static Check Doubt(string found) => new(
        CheckNames.PublicAddress, CheckState.Warning,
        $"{found} Links in webhooks begin with it: check Public:Url, its DNS name, its certificate and the proxies before this host.");
}
