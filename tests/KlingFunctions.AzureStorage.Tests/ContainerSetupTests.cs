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
    public async Task What_is_missing_is_made_and_what_is_there_is_left()
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
    public async Task A_role_that_is_still_spreading_is_waited_for()
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
    public async Task A_role_that_does_not_come_stops_the_start_with_a_sentence_that_names_it()
    {
        _network.Answer = _ => CannedResponse.Refusal("AuthorizationPermissionMismatch");
        var starting = StartAsync(new TestAccount(storage.Azurite.NextAccount()));
        while (!starting.IsCompleted) await PassAsync();
        var failure = await Assert.ThrowsAsync<StorageUnavailableException>(() => starting);
        Assert.Contains("Storage:Blobs", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Storage Blob Data Owner", failure.Message, StringComparison.Ordinal);
        // And before the Functions host, which gives a worker a minute, loses its own.
        Assert.InRange(_time.GetUtcNow() - _time.Start, TimeSpan.FromSeconds(45), TimeSpan.FromSeconds(59));
    }

    [Fact]
    public async Task A_wrong_key_of_an_azurite_is_not_waited_for_and_no_role_is_asked_for()
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
    public async Task Storage_that_does_not_answer_stops_the_start_with_a_sentence_that_says_where_it_was_sought()
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
