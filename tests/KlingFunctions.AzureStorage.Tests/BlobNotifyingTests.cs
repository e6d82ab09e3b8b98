using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobSubscriptionsTests(TestStorage storage) : SubscriptionsContract
{
    protected override IDocuments Documents { get; } = new BlobDocuments(storage.NewAccount().Client);
}

public sealed class BlobDeadLettersTests(TestStorage storage) : DeadLettersContract
{
    protected override IDocuments Documents { get; } = new BlobDocuments(storage.NewAccount().Client);
}
