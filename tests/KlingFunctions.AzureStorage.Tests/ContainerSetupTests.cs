using Azure.Core;
using KlingFunctions.AzureStorage.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class ContainerSetupTests(TestStorage storage)
{
    private readonly FakeTimeProvider _time = new();
    private readonly Network _network = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Missing_containers_are_created_and_existing_ones_kept()
    {
        var account = new TestAccount(storage.Azurite.NextAccount());
        await account[Containers.Videos].CreateAsync(cancellationToken: Cancel);
        await account[Containers.Videos].UploadBlobAsync("kept", new BinaryData([1]), Cancel);
        await StartAsync(account);
        await StartAsync(account);
        Assert.Equal(Containers.All.Order(), account.Client.GetBlobContainers(cancellationToken: Cancel).Select(c => c.Name).Order());
        Assert.Equal(["kept"], await account.NamesAsync(Containers.Videos));
    }

    [Fact]
    public async Task Role_that_is_still_propagating_is_waited_for()
    {
        var refusals = 3;
        _network.Answer = _ => Interlocked.Decrement(ref refusals) >= 0 ? CannedResponse.Refusal("AuthorizationPermissionMismatch") : null;
        var account = new TestAccount(storage.Azurite.NextAccount());
        var starting = StartAsync(account);
        while (!starting.IsCompleted) await PassAsync();
        await starting;
        Assert.Equal(Containers.All.Count, account.Client.GetBlobContainers(cancellationToken: Cancel).Count());
    }

    [Fact]
    public async Task Role_that_is_never_assigned_stops_the_start_and_is_named()
    {
        _network.Answer = _ => CannedResponse.Refusal("AuthorizationPermissionMismatch");
        var starting = StartAsync(new TestAccount(storage.Azurite.NextAccount()));
        while (!starting.IsCompleted) await PassAsync();
        var failure = await Assert.ThrowsAsync<StorageUnavailableException>(() => starting);
        Assert.Contains("Storage:Blobs", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Storage Blob Data Owner", failure.Message, StringComparison.Ordinal);
        // The Functions host gives a worker one minute, so the start must fail before that.
        Assert.InRange(_time.GetUtcNow() - _time.Start, TimeSpan.FromSeconds(45), TimeSpan.FromSeconds(59));
    }

    [Fact]
    public async Task Wrong_key_of_Azurite_fails_at_once_without_asking_for_a_role()
    {
        var connection = storage.Azurite.NextAccount();
        var wrong = new TestAccount(connection.Replace("AccountKey=", "AccountKey=AAAA", StringComparison.Ordinal));
        var failure = await Assert.ThrowsAsync<StorageUnavailableException>(() => StartAsync(wrong));
        Assert.Contains("Storage:Blobs", failure.Message, StringComparison.Ordinal);
        Assert.Contains("account key", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("role", failure.Message, StringComparison.Ordinal);
        Assert.Equal(_time.Start, _time.GetUtcNow());
    }

    [Fact]
    public async Task Unreachable_storage_stops_the_start_and_is_named()
    {
        _network.Before = _ => throw new IOException("refused");
        var failure = await Assert.ThrowsAsync<StorageUnavailableException>(() => StartAsync(new TestAccount(storage.Azurite.NextAccount())));
        Assert.Contains(storage.Azurite.Url, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("AccountKey", failure.Message, StringComparison.Ordinal);
    }

    private Task StartAsync(TestAccount account) => new ContainerSetup(
        account.Over(_network), new(Containers.All), _time, NullLogger<ContainerSetup>.Instance).StartingAsync(Cancel);

    private Task PassAsync()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return Task.Delay(1, Cancel);
    }
}
