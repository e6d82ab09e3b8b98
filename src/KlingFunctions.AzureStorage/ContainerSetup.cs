using Azure;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KlingFunctions.AzureStorage;

/// <summary>The containers that a host needs.</summary>
internal sealed record NeededContainers(IReadOnlyList<string> Names);

/// <summary>
/// Creates missing containers before the rest of the host starts. After a first deployment, role assignments take some minutes to
/// propagate, so a refusal is retried for a while.
/// </summary>
internal sealed partial class ContainerSetup(BlobServiceClient account, NeededContainers needed, TimeProvider time, ILogger<ContainerSetup> logger)
    : IHostedLifecycleService
{
    /// <summary>The least built-in role with all rights in use: index tags need the owner's.</summary>
    public const string Role = "Storage Blob Data Owner";

    // Less than a minute in all: after that the Functions host assumes that the worker is dead and starts another, which tries again.
    private static readonly TimeSpan[] RetryDelays = [.. new[] { 5, 10, 15, 20 }.Select(s => TimeSpan.FromSeconds(s))];

    public Task StartingAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(needed.Names.Select(name => CreateAsync(name, cancellationToken)));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task CreateAsync(string name, CancellationToken cancellationToken)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                await account.GetBlobContainerClient(name).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
                return;
            }
            // Azurite answers a wrong key with this. In Azure it comes from network rules, which also take time to propagate.
            catch (RequestFailedException e) when (account.Uri.IsLoopback && e.ErrorCode == BlobErrorCode.AuthorizationFailure)
            {
                throw new StorageUnavailableException(
                    $"Storage:Blobs: the account key in the connection string is not that of the account at {account.Uri.Authority}: fix it, or set UseDevelopmentStorage=true.", e);
            }
            catch (RequestFailedException e) when (e.Status == 403 && tries < RetryDelays.Length)
            {
                LogRefused(name, account.Uri.Host, e.ErrorCode, Role, RetryDelays[tries]);
                await Task.Delay(RetryDelays[tries], time, cancellationToken);
            }
            catch (RequestFailedException e) when (e.Status == 403)
            {
                throw new StorageUnavailableException(
                    $"Storage:Blobs: {account.Uri.Host} refuses the container '{name}' ({e.ErrorCode}): give the identity that runs this the role {Role} on the storage account, and let the account's network rules admit it; if that is so, start again in a few minutes, for roles take time to spread.", e);
            }
            catch (AuthenticationFailedException e)
            {
                throw new StorageUnavailableException(
                    $"Storage:Blobs: no identity could be shown to {account.Uri.Host}: on Azure give the app a managed identity, and set AZURE_CLIENT_ID if it is a user-assigned one; elsewhere sign in with 'az login'.", e);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && e is RequestFailedException { Status: 0 } or AggregateException)
            {
                throw new StorageUnavailableException(
                    $"Storage:Blobs: {account.Uri.GetLeftPart(UriPartial.Authority)} can't be reached: {(account.Uri.IsLoopback ? "start Azurite there" : "check the name and the account's network rules")}, or set another address.", e);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The container {Name} on {Host} is refused ({Code}). The role {Role} may still be spreading: the next try is in {Pause}.")]
    private partial void LogRefused(string name, string host, string? code, string role, TimeSpan pause);
}
