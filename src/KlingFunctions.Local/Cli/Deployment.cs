using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary>A host of ours, here or in the cloud: the routes as the client verbs call them.</summary>
internal sealed class Deployment : IDisposable
{
    private static readonly TimeSpan[] TryAgainAfter = [TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    private readonly string _url;
    private readonly string? _key;
    private readonly TimeProvider _time;
    // Redirects are not followed: a key that goes along with one would end up with a stranger.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Patience };
    private bool _hasAnswered;

    /// <param name="url">Scheme, host and port.</param>
    /// <param name="key">Sent as <c>x-functions-key</c>.</param>
    /// <param name="time">The clock of the waits between tries.</param>
    /// <exception cref="ExitException">The URL or the key can't be one.</exception>
    public Deployment(string url, string? key, TimeProvider time)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https"))
            throw new ExitException(ExitCodes.Usage, $"'{url}' is not the address of a host: give --url (or KLING_URL) like http://127.0.0.1:7071.");
        _url = url.TrimEnd('/');
        _key = key?.Trim();
        if (_key?.Any(c => c is < ' ' or > '~') == true)
            throw new ExitException(ExitCodes.Usage, "The key holds a line break or another character that no key has: look at --key or KLING_KEY.");
        _time = time;
    }

    /// <summary>Reads. A lost answer is asked for again.</summary>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached, or is none of ours.</exception>
    public async Task<Answer> GetAsync(string path, CancellationToken cancel)
    {
        using var response = await SendAsync(() => new(HttpMethod.Get, _url + path), isRepeatable: true, HttpCompletionOption.ResponseContentRead, cancel);
        return await ReadAsync(response, cancel);
    }

    /// <summary>Writes. With a key a lost answer is asked for again, for the host then sees that it is the same request; else never.</summary>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached, or is none of ours.</exception>
    public async Task<Answer> PostAsync(string path, ReadOnlyMemory<byte>? json, CancellationToken cancel, string? idempotencyKey = null)
    {
        using var response = await SendAsync(
            () =>
            {
                var request = new HttpRequestMessage(HttpMethod.Post, _url + path);
                if (json is { } body) request.Content = new ReadOnlyMemoryContent(body) { Headers = { ContentType = new("application/json") } };
                if (idempotencyKey is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
                return request;
            },
            isRepeatable: idempotencyKey is not null, HttpCompletionOption.ResponseContentRead, cancel);
        return await ReadAsync(response, cancel);
    }

    /// <summary>Opens a file from its byte <paramref name="from"/> on, here or where the host sends us for it.</summary>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached.</exception>
    public async Task<HttpResponseMessage> OpenAsync(string path, long from, CancellationToken cancel)
    {
        var response = await SendAsync(() => Ranged(_url + path), isRepeatable: true, HttpCompletionOption.ResponseHeadersRead, cancel);
        if (response.StatusCode is HttpStatusCode.Found && Elsewhere(response) is { } elsewhere)
        {
            response.Dispose();
            // The link opens by itself: without our key.
            response = await _http.SendAsync(Ranged(elsewhere.AbsoluteUri), HttpCompletionOption.ResponseHeadersRead, cancel);
        }
        if (response.IsSuccessStatusCode) return response;
        using (response) await ReadAsync(response, cancel);
        throw new InvalidOperationException("An answer that is no success was read as one.");

        HttpRequestMessage Ranged(string url)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, url);
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            return request;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        Func<HttpRequestMessage> request, bool isRepeatable, HttpCompletionOption completion, CancellationToken cancel)
    {
        for (var attempt = 0; ; attempt++)
        {
            var isLast = !isRepeatable || attempt == TryAgainAfter.Length;
            try
            {
                using var message = request();
                if (_key is { Length: > 0 }) message.Headers.Add("x-functions-key", _key);
                var response = await _http.SendAsync(message, completion, cancel);
                _hasAnswered = true;
                if ((int)response.StatusCode < 500 || isLast) return response;
                response.Dispose();
            }
            // A host that dies while it is dialled shows as a bare socket's exception.
            catch (Exception e) when (e is HttpRequestException or SocketException)
            {
                // Who never answered is not there; who did is perhaps being started anew.
                var trouble = (e as HttpRequestException)?.HttpRequestError ?? HttpRequestError.ConnectionError;
                var isAbsent = !_hasAnswered && trouble is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError;
                if (isLast || isAbsent)
                    throw new ExitException(ExitCodes.Unavailable, $"{_url} can't be reached ({e.Message.TrimEnd('.')}). Does the host run, and is --url right?");
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                if (isLast) throw new ExitException(ExitCodes.TryLater, $"{_url} did not answer within {Patience.TotalSeconds} seconds.");
            }
            await Task.Delay(TryAgainAfter[attempt], _time, cancel);
        }
    }

    private async Task<Answer> ReadAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var answer = new Answer(_url, await response.Content.ReadAsByteArrayAsync(cancel));
        if (response.IsSuccessStatusCode) return answer;
        if ((int)response.StatusCode is >= 300 and < 400 && Elsewhere(response) is { } elsewhere)
            throw new ExitException(ExitCodes.Unavailable, $"{_url} sends us on to {elsewhere.GetLeftPart(UriPartial.Path)}: give the final address as --url.");
        var isProblem = response.Content.Headers.ContentType?.MediaType is "application/problem+json";
        throw new RefusedException(response.StatusCode, answer, isProblem ? answer.As<Problem>() : null, response.Headers.RetryAfter?.Delta);
    }

    /// <summary>Where an answer sends us; null if it does not say.</summary>
    private Uri? Elsewhere(HttpResponseMessage response) => response.Headers.Location is { } location ? new Uri(new Uri(_url), location) : null;
}
