namespace KlingFunctions.Benchmarks.History;

/// <summary>The services of a storage account.</summary>
internal enum StorageService
{
    Blob,
    Queue,
    Table,
}

/// <summary>A request that a storage account received.</summary>
/// <param name="Service">The service.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="Target">Path and query, without the account.</param>
/// <param name="MessageIds">The messages that it fetched from a queue.</param>
internal sealed record StorageRequest(StorageService Service, string Method, string Target, IReadOnlyList<string> MessageIds)
{
    /// <summary>
    /// Whether a job causes it. Not counted, because a host without jobs sends them too: reads of queues that bring no message, Durable's
    /// table of partitions, and the blobs with which hosts share work (leases of Durable and of timers).
    /// </summary>
    public bool IsOfJob => Service switch
    {
        StorageService.Queue => Method is not "GET" || MessageIds.Count > 0,
        StorageService.Table => !Target.Contains("Partitions", StringComparison.Ordinal),
        _ => !Target.StartsWith("/azure-webjobs-", StringComparison.Ordinal) && !Target.Contains("lease", StringComparison.Ordinal),
    };
}
