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
/// Makes the containers that are missing before anything else of the host starts. Roles take some minutes to spread after a first
/// deployment, and so a refusal is waited out for a while.
/// </summary>
internal sealed partial class ContainerSetup(BlobServiceClient account, NeededContainers needed, TimeProvider time, ILogger<ContainerSetup> logger)
    : IHostedLifecycleService
{
    /// <summary>The least role that has all rights that are used: tags ask for an owner's.</summary>
    public const string Role = "Storage Blob Data Owner";

    // Less than a minute in all: after that the Functions host takes the worker for dead, and starts another, which waits anew.
    private static readonly TimeSpan[] Patience = [.. new[] { 5, 10, 15, 20 }.Select(s => TimeSpan.FromSeconds(s))];

    public Task StartingAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(needed.Names.Select(name => CreateAsync(name, cancellationToken)));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task CreateAsync(string name, CancellationToken cancel)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                await account.GetBlobContainerClient(name).CreateIfNotExistsAsync(cancellationToken: cancel);
                return;
            }
            // What Azurite says to a wrong key; in Azure it is what network rules say, which take time to spread too.
            catch (RequestFailedException e) when (account.Uri.IsLoopback && e.ErrorCode == BlobErrorCode.AuthorizationFailure)
            {
                throw new StorageUnavailableException(
                    $"Storage:Blobs: the account key in the connection string is not that of the account at {account.Uri.Authority}: put it right, or set UseDevelopmentStorage=true.", e);
            }
            catch (RequestFailedException e) when (e.Status == 403 && tries < Patience.Length)
            {
                LogRefused(name, account.Uri.Host, e.ErrorCode, Role, Patience[tries]);
                await Task.Delay(Patience[tries], time, cancel);
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
            catch (Exception e) when (!cancel.IsCancellationRequested && e is RequestFailedException { Status: 0 } or AggregateException)
            {
                throw new StorageUnavailableException(
                    $"Storage:Blobs: {account.Uri.GetLeftPart(UriPartial.Authority)} can't be reached: {(account.Uri.IsLoopback ? "start Azurite there" : "check the name and the account's network rules")}, or set another address.", e);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "The container {Name} on {Host} is refused ({Code}). The role {Role} may still be spreading: the next try is in {Pause}.")]
    private partial void LogRefused(string name, string host, string? code, string role, TimeSpan pause);
}
