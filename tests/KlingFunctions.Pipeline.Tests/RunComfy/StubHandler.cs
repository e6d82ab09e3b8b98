using System.Net;

namespace KlingFunctions.Pipeline.Tests.RunComfy;

/// <summary>Gives the same answer to every request, after it has read the body like a server.</summary>
internal sealed class StubHandler(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
{
    public List<(HttpMethod Method, Uri Url, string? Authorization, string Body)> Seen { get; } = [];

    public static StubHandler Answering(int status, string body, string contentType = "application/json", Action<HttpResponseMessage>? also = null) =>
        Answering(status, System.Text.Encoding.UTF8.GetBytes(body), contentType, also);

    public static StubHandler Answering(int status, byte[] body, string contentType = "application/json", Action<HttpResponseMessage>? also = null) => new(_ =>
    {
        var response = new HttpResponseMessage((HttpStatusCode)status) { Content = new ByteArrayContent(body) };
        response.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        also?.Invoke(response);
        return response;
    });

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        if (request.Content is not null)
            await request.Content.CopyToAsync(body, cancellationToken); // Reads like a socket; ReadAsStringAsync would keep a copy in the content.
        Seen.Add((request.Method, request.RequestUri!, request.Headers.Authorization?.ToString(), System.Text.Encoding.UTF8.GetString(body.ToArray())));
        return answer(request);
    }
}
