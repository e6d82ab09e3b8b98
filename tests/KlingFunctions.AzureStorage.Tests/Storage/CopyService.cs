using Azure;
using Azure.Core;
using Azure.Storage.Blobs.Models;

namespace KlingFunctions.AzureStorage.Tests.Storage;

/// <summary>
/// Put Blob From URL before an Azurite, which lacks it: fetches the source and makes the blob in one step, if there is none, with the headers
/// that were asked for (learn.microsoft.com/rest/api/storageservices/put-blob-from-url).
/// </summary>
internal sealed class CopyService
{
    private readonly TestAccount _account;

    public CopyService(TestAccount account, Network network)
    {
        _account = account;
        network.AnswerLater = AnswerAsync;
    }

    /// <summary>How many blobs were made.</summary>
    public int Copies { get; private set; }

    /// <summary>What the source serves to the service, if it is not what it serves to others.</summary>
    public byte[]? Fetched { get; init; }

    /// <summary>The first answer gets lost.</summary>
    public bool LosesAnswer { get; set; }

    private async Task<Response?> AnswerAsync(Request request)
    {
        if (!request.Headers.TryGetValue("x-ms-copy-source", out var source)) return null;
        if (Header("If-None-Match") != "*") throw new InvalidOperationException("A copy over what is there.");
        using var http = new HttpClient();
        var bytes = Fetched ?? await http.GetByteArrayAsync(new Uri(source!));
        var path = request.Uri.ToUri().AbsolutePath.Split('/', 4)[3];
        try
        {
            var made = await _account[Containers.Videos].GetBlobClient(Uri.UnescapeDataString(path)).UploadAsync(new BinaryData(bytes), new BlobUploadOptions
            {
                HttpHeaders = new() { ContentType = Header("x-ms-blob-content-type"), ContentDisposition = Header("x-ms-blob-content-disposition") },
                Metadata = request.Headers.Where(h => h.Name.StartsWith("x-ms-meta-", StringComparison.OrdinalIgnoreCase)).ToDictionary(h => h.Name[10..], h => h.Value),
                Tags = Header("x-ms-tags")?.Split('&').Select(t => t.Split('=')).ToDictionary(t => t[0], t => Uri.UnescapeDataString(t[1])),
                Conditions = new() { IfNoneMatch = ETag.All },
            });
            Copies++;
            if (LosesAnswer)
            {
                LosesAnswer = false;
                throw new IOException("The answer was lost.");
            }
            return new CannedResponse(201, "", ("ETag", made.Value.ETag.ToString("H")), ("Last-Modified", made.Value.LastModified.ToString("R")));
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.BlobAlreadyExists)
        {
            return new CannedResponse(409, "", ("x-ms-error-code", e.ErrorCode!));
        }

        string? Header(string name) => request.Headers.TryGetValue(name, out var value) ? value : null;
    }
}
