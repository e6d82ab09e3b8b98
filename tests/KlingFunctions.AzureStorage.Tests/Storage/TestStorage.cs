using Azure.Storage.Blobs;
using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Azurite;

[assembly: AssemblyFixture(typeof(TestStorage))]

namespace KlingFunctions.AzureStorage.Tests.Storage;

/// <summary>The Azurite of this test run.</summary>
public sealed class TestStorage : AzuriteFixture
{
    /// <summary>An empty account for one test, with all containers.</summary>
    internal TestAccount NewAccount()
    {
        var account = new TestAccount(Azurite.NextAccount());
        foreach (var name in Containers.All) account.Client.CreateBlobContainer(name);
        return account;
    }
}

/// <summary>An account in Azurite, with clients whose network the test can disturb.</summary>
internal sealed class TestAccount(string connectionString)
{
    public string ConnectionString => connectionString;

    public BlobServiceClient Client { get; } = new(connectionString, BlobAccount.ClientOptions());

    /// <summary>A client of another host, over this network.</summary>
    public BlobServiceClient Over(Network network) => new(connectionString, network.Options());

    public BlobContainerClient this[string container] => Client.GetBlobContainerClient(container);

    /// <summary>The names of all blobs in a container.</summary>
    public async Task<IReadOnlyList<string>> NamesAsync(string container)
    {
        var names = new List<string>();
        await foreach (var blob in this[container].GetBlobsAsync(cancellationToken: TestContext.Current.CancellationToken)) names.Add(blob.Name);
        return names;
    }
}
