using KlingFunctions.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(KillsFirst))]

namespace KlingFunctions.Tests;

/// <summary>
/// Starts the kill tests first: most of their time they wait for a visibility timeout, and at the end of the suite nothing would run beside
/// them.
/// </summary>
public sealed class KillsFirst : ITestCollectionOrderer
{
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderByDescending(collection => collection.TestCollectionDisplayName.Contains(nameof(KillTests), StringComparison.Ordinal))];
}
