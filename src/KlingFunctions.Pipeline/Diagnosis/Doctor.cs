using KlingFunctions.Pipeline.Notifying;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Diagnosis;

/// <summary>Checks everything that a job needs, with free calls.</summary>
public sealed class Doctor(ProviderChecks provider, StoreCheck store, AddressCheck address, IOptions<WebhookOptions> webhooks, TimeProvider time)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    /// <summary>Makes all checks concurrently.</summary>
    public async Task<Checkup> ExamineAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var found = await Task.WhenAll(
            InTimeAsync(provider.RunAsync, CheckNames.Token, CheckNames.Model, CheckNames.Price, CheckNames.Balance, CheckNames.Clock),
            InTimeAsync(async cancellationToken => [await store.RunAsync(cancellationToken)], CheckNames.Store),
            InTimeAsync(async cancellationToken => [await address.RunAsync(cancellationToken)], CheckNames.PublicAddress));
        Check[] checks = [.. found.SelectMany(f => f), WebhookSecret()];
        return new(checks.Max(c => c.State), checks);

        async Task<IReadOnlyList<Check>> InTimeAsync(Func<CancellationToken, Task<IReadOnlyList<Check>>> check, params string[] names)
        {
            try
            {
                return await check(either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return [.. names.Select(name => new Check(name, CheckState.Unknown, $"There was no answer within {Limit.TotalSeconds:0} seconds."))];
            }
        }
    }

    private Check WebhookSecret() => string.IsNullOrEmpty(webhooks.Value.Secret)
        ? new(
            CheckNames.WebhookSecret, CheckState.Warning,
            "Webhooks are not signed, and receivers can't tell who sent them: set Webhooks:Secret to whsec_ and what 'openssl rand -base64 32' prints.")
        : new(CheckNames.WebhookSecret, CheckState.Ok, "Webhooks are signed.");
}
