using System.Collections.Concurrent;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Locates files that the test defines; stores none.</summary>
internal sealed class InMemoryVideoStore : IVideoStore
{
    private readonly ConcurrentDictionary<(string Job, string Name), VideoLocation> _files = [];

    public void Put(string jobId, VideoLocation location) => _files[(jobId, location.File.Name)] = location;

    public Task<StoredFile?> FindAsync(string jobId, string name, CancellationToken cancellationToken) =>
        Task.FromResult(_files.GetValueOrDefault((jobId, name))?.File);

    public Task<VideoLocation?> LocateAsync(string jobId, string name, CancellationToken cancellationToken) =>
        Task.FromResult(_files.GetValueOrDefault((jobId, name)));

    public Task<VideoSink?> ContinueAsync(string jobId, string name, CancellationToken cancellationToken) => Task.FromResult<VideoSink?>(null);

    public Task<VideoSink> CreateAsync(string jobId, string name, CancellationToken cancellationToken) =>
        throw new NotSupportedException("Nothing is stored here.");
}
