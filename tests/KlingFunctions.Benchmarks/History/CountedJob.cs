namespace KlingFunctions.Benchmarks.History;

/// <summary>The counted work of one job.</summary>
/// <param name="Polls">The polls that RunComfy received.</param>
/// <param name="Timers">The durable timers in the job's history.</param>
/// <param name="Events">The events in the job's history.</param>
/// <param name="Requests">The storage requests from its submission to the end of its notification.</param>
internal sealed record CountedJob(int Polls, int Timers, int Events, IReadOnlyList<StorageRequest> Requests)
{
    /// <summary>Messages put into the queues.</summary>
    public int Messages => Count(StorageService.Queue, "POST");

    /// <summary>The number of requests to a service, all or with one method.</summary>
    public int Count(StorageService service, string? method = null) => Requests.Count(r => r.Service == service && (method is null || r.Method == method));
}
