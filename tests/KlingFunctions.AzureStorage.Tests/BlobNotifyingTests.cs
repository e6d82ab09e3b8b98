using KlingFunctions.AzureStorage.Tests.Storage;
using KlingFunctions.Contracts.Stores;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.AzureStorage.Tests;

public sealed class BlobSubscriptionsTests(TestStorage storage) : SubscriptionsContract
{
    protected override ISubscriptions Subscriptions { get; } = new BlobSubscriptions(storage.NewAccount().Client);
}

public sealed class BlobDeadLettersTests(TestStorage storage) : DeadLettersContract
{
    protected override IDeadLetters Letters { get; } = new BlobDeadLetters(storage.NewAccount().Client);
}
