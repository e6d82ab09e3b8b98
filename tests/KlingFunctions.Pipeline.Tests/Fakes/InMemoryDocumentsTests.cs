using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;

namespace KlingFunctions.Pipeline.Tests.Fakes;

public sealed class InMemoryDocumentsTests : DocumentsContract
{
    protected override IDocuments Documents { get; } = new InMemoryDocuments();
}

public sealed class InMemoryQuotaTests : QuotaContract
{
    protected override IDocuments Documents { get; } = new InMemoryDocuments();
}

public sealed class InMemorySubscriptionsTests : SubscriptionsContract
{
    protected override IDocuments Documents { get; } = new InMemoryDocuments();
}

public sealed class InMemoryDeadLettersTests : DeadLettersContract
{
    protected override IDocuments Documents { get; } = new InMemoryDocuments();
}
