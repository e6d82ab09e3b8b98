using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary>The routes of a KlingFunctions host, on this machine or in the cloud, as the client verbs call them.</summary>
internal sealed class Deployment : IDisposable
{
    private static readonly TimeSpan[] Never = [];
    private static readonly TimeSpan[] Briefly = [TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)];
    // A host that is deployed again, or whose machine restarts, answers again within minutes.
    private static readonly TimeSpan[] ForMinutes = [.. Briefly, .. Enumerable.Repeat(TimeSpan.FromSeconds(5), 60)];
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(100);

    private readonly string _url;
    private readonly string? _key;
    private readonly TimeProvider _time;
    // Redirects are not followed: they would carry the key to another server.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeLimit };
    private bool _hasAnswered;

    /// <param name="url">Scheme, host and port.</param>
    /// <param name="key">The host's key, sent as <c>x-functions-key</c>.</param>
    /// <param name="time">The clock for waits between tries.</param>
    /// <exception cref="ExitException">The URL or the key is invalid.</exception>
    public Deployment(string url, string? key, TimeProvider time)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https"))
            throw new ExitException(ExitCodes.Usage, $"'{url}' is not the address of a host: give --url (or KLING_URL) like http://127.0.0.1:7071.");
        if (parsed.UserInfo.Length > 0)
            throw new ExitException(ExitCodes.Usage, "The address of the host holds a user name or a password, which is not sent: leave it out, and give the host's key in KLING_KEY.");
        _url = url.TrimEnd('/');
        _key = key?.Trim();
        if (_key?.Any(c => c is < ' ' or > '~') == true)
            throw new ExitException(ExitCodes.Usage, "The key holds a line break or another character that no key has: check --key or KLING_KEY.");
        _time = time;
    }

    /// <summary>Scheme, host and port, without a trailing slash.</summary>
    public string Url => _url;

    /// <summary>Whether the host's address is a loopback address.</summary>
    public bool IsOnThisMachine => ApiKeyGate.IsLoopback(new Uri(_url).Host);

    /// <summary>Called with a sentence when a call is retried, and with null when the host answers again.</summary>
    public Action<string?>? Outage { get; set; }

    /// <summary>Sends a GET, and repeats it if the response is lost.</summary>
    /// <param name="path">The path, with its query.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <param name="waits">Whether a host that has answered before is retried for minutes.</param>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached, or is not a KlingFunctions host.</exception>
    public async Task<Answer> GetAsync(string path, CancellationToken cancellationToken, bool waits = false)
    {
        using var response = await SendAsync(() => new(HttpMethod.Get, _url + path), waits && _hasAnswered ? ForMinutes : Briefly, HttpCompletionOption.ResponseContentRead, cancellationToken);
        return await ReadAsync(response, cancellationToken);
    }

    /// <summary>Sends a POST. It is repeated after a lost response only with an idempotency key.</summary>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached, or is not a KlingFunctions host.</exception>
    public async Task<Answer> PostAsync(string path, ReadOnlyMemory<byte>? json, CancellationToken cancellationToken, string? idempotencyKey = null)
    {
        using var response = await SendAsync(
            () =>
            {
                var request = new HttpRequestMessage(HttpMethod.Post, _url + path);
                if (json is { } body) request.Content = new ReadOnlyMemoryContent(body) { Headers = { ContentType = new("application/json") } };
                if (idempotencyKey is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
                return request;
            },
            idempotencyKey is not null ? Briefly : Never, HttpCompletionOption.ResponseContentRead, cancellationToken);
        return await ReadAsync(response, cancellationToken);
    }

    /// <summary>Sends a DELETE.</summary>
    /// <returns>False if there is no such resource, because it is deleted already or never was.</returns>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached, or is not a KlingFunctions host.</exception>
    public async Task<bool> DeleteAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(() => new(HttpMethod.Delete, _url + path), Briefly, HttpCompletionOption.ResponseContentRead, cancellationToken);
        if (response.StatusCode is HttpStatusCode.NotFound) return false;
        await ReadAsync(response, cancellationToken);
        return true;
    }

    /// <summary>Uploads a file, and repeats the call after a lost response: the host stores equal content once.</summary>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached, or is not a KlingFunctions host.</exception>
    public async Task<Answer> PostFileAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            () => new(HttpMethod.Post, _url + path) { Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new("application/octet-stream") } } },
            Briefly, HttpCompletionOption.ResponseContentRead, cancellationToken);
        return await ReadAsync(response, cancellationToken);
    }

    /// <summary>Opens a file from byte <paramref name="from"/> on, at the host or at the link to which it redirects.</summary>
    /// <exception cref="RefusedException">The host refuses.</exception>
    /// <exception cref="ExitException">The host can't be reached.</exception>
    public async Task<HttpResponseMessage> OpenAsync(string path, long from, CancellationToken cancellationToken)
    {
        var response = await SendAsync(() => Ranged(_url + path), Briefly, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode is HttpStatusCode.Found && Elsewhere(response) is { } elsewhere)
        {
            response.Dispose();
            // The link contains its own authorization, so the host's key is not sent.
            response = await _http.SendAsync(Ranged(elsewhere.AbsoluteUri), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        if (response.IsSuccessStatusCode) return response;
        using (response) await ReadAsync(response, cancellationToken);
        throw new InvalidOperationException("An unsuccessful response was read as a success.");

        HttpRequestMessage Ranged(string url)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, url);
            if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
            return request;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        Func<HttpRequestMessage> request, TimeSpan[] tryAgainAfter, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            var isLast = attempt == tryAgainAfter.Length;
            try
            {
                using var message = request();
                if (_key is { Length: > 0 }) message.Headers.Add("x-functions-key", _key);
                var response = await _http.SendAsync(message, completion, cancellationToken);
                _hasAnswered = true;
                if ((int)response.StatusCode < 500 || isLast)
                {
                    if (attempt > 0) Outage?.Invoke(null);
                    return response;
                }
                response.Dispose();
            }
            // A host that dies during connect causes a SocketException.
            catch (Exception e) when (e is HttpRequestException or SocketException)
            {
                // A host that has answered before may be restarting. One that never answered is not retried.
                var trouble = (e as HttpRequestException)?.HttpRequestError ?? HttpRequestError.ConnectionError;
                if (trouble is HttpRequestError.SecureConnectionError && (isLast || !_hasAnswered))
                {
                    throw new ExitException(
                        ExitCodes.Unavailable,
                        $"{_url} can't be reached: the secure connection failed ({e.GetBaseException().Message.TrimEnd('.')}). If the host speaks plain http, give its address with http: as --url. Otherwise check its certificate.");
                }
                var isAbsent = !_hasAnswered && trouble is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError;
                if (isLast || isAbsent)
                    throw new ExitException(ExitCodes.Unavailable, $"{_url} can't be reached ({e.Message.TrimEnd('.')}). Does the host run, and is --url right?");
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                if (isLast) throw new ExitException(ExitCodes.TryLater, $"{_url} did not answer within {TimeLimit.TotalSeconds} seconds.");
            }
            if (attempt == 0) Outage?.Invoke($"{_url} does not answer as it should: trying again.");
            await Task.Delay(tryAgainAfter[attempt], _time, cancellationToken);
        }
    }

    private async Task<Answer> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var answer = new Answer(_url, await response.Content.ReadAsByteArrayAsync(cancellationToken));
        if (response.IsSuccessStatusCode) return answer;
        if ((int)response.StatusCode is >= 300 and < 400 && Elsewhere(response) is { } elsewhere)
            throw new ExitException(ExitCodes.Unavailable, $"{_url} sends us on to {elsewhere.GetLeftPart(UriPartial.Path)}: give the final address as --url.");
        var isProblem = response.Content.Headers.ContentType?.MediaType is "application/problem+json";
        throw new RefusedException(response.StatusCode, answer, isProblem ? answer.As<Problem>() : null, response.Headers.RetryAfter?.Delta);
    }

    /// <summary>The target of a redirect; null if there is none.</summary>
    private Uri? Elsewhere(HttpResponseMessage response) => response.Headers.Location is { } location ? new Uri(new Uri(_url), location) : null;
}
