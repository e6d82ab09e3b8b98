using System.Collections.Concurrent;
using System.Text;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Fakes;

/// <summary>Uploads in memory: each write is a new version, as for a blob.</summary>
internal sealed class InMemoryUploads : IUploads
{
    private readonly ConcurrentDictionary<string, (byte[] Bytes, DateTimeOffset At, int Version)> _files = [];
    private readonly ConcurrentDictionary<string, AcceptedUpload> _taken = [];
    private int _versions;

    public FakeTimeProvider Time { get; } = new();

    /// <summary>Records can be neither read nor written.</summary>
    public bool IsAway { get; set; }

    public IEnumerable<AcceptedUpload> Taken => _taken.Values;

    public void Put(string path, string text) => Put(path, Encoding.UTF8.GetBytes(text));

    public void Put(string path, byte[] bytes) => _files[path] = (bytes, Time.GetUtcNow(), Interlocked.Increment(ref _versions));

    public void Delete(string path) => _files.TryRemove(path, out _);

    public string Text(string path) => Encoding.UTF8.GetString(_files[path].Bytes);

    /// <summary>Deletes the records, as if an older version had accepted the uploads.</summary>
    public void LoseRecords() => _taken.Clear();

    public Task<UploadedFile?> FindAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult(_files.ContainsKey(path) ? Described(path) : null);

    public Task<(UploadedFile File, byte[] Bytes)?> ReadAsync(string path, int atMost, CancellationToken cancellationToken) =>
        Task.FromResult(_files.TryGetValue(path, out var file) ? (Described(path), file.Bytes[..Math.Min(file.Bytes.Length, atMost + 1)]) : default((UploadedFile, byte[])?));

    public Task<(UploadedFile File, Stream Content)?> OpenAsync(string path, CancellationToken cancellationToken) =>
        Task.FromResult(_files.TryGetValue(path, out var file) ? (Described(path), (Stream)new MemoryStream(file.Bytes)) : default((UploadedFile, Stream)?));

    public IAsyncEnumerable<UploadedFile> ListAsync(string folder, CancellationToken cancellationToken) =>
        _files.Keys.Where(p => p.StartsWith(folder, StringComparison.Ordinal) && !p[folder.Length..].Contains('/', StringComparison.Ordinal))
            .Select(Described).ToList().ToAsyncEnumerable();

    public Task WriteReportAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        Put(path, content.ToArray());
        return Task.CompletedTask;
    }

    public Task DeleteReportAsync(string path, CancellationToken cancellationToken)
    {
        Delete(path);
        return Task.CompletedTask;
    }

    public Task<bool> IsAcceptedAsync(string id, CancellationToken cancellationToken) =>
        IsAway ? throw new IOException("The uploads are away.") : Task.FromResult(_taken.ContainsKey(id));

    public Task<bool> TryRecordAsync(AcceptedUpload upload, CancellationToken cancellationToken) => Task.FromResult(!IsAway && (_taken.TryAdd(upload.Id, upload) || true));

    private UploadedFile Described(string path) => new(path, $"\"{_files[path].Version}\"", _files[path].At);
}
