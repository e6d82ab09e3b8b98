using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text.Json;
using KlingFunctions.Pipeline.Network;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.RunComfy;

/// <summary>
/// RunComfy's Model API (docs.runcomfy.com/model-apis/async-queue-endpoints): submit, status, result, cancel. Every outcome is a value,
/// network failures and nonsense included; only the caller's own cancellation throws. Nothing is retried here.
/// </summary>
public sealed partial class RunComfyClient
{
    /// <summary>The longest that a call takes. The ledgers' patience with an intent is longer, by this constant.</summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(60);

    private const int LongestBody = 256 * 1024;
    private const long LongestRead = 8L * 1024 * 1024;

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ILogger<RunComfyClient> _logger;
    private readonly string _token;
    private readonly Uri _submit;
    private readonly string _requests;

    /// <summary>Makes a client.</summary>
    /// <param name="http">A client on a handler from <see cref="CreateHandler"/>.</param>
    /// <param name="options">Where, as whom, and which model.</param>
    /// <param name="time">Limits calls and reads <c>Retry-After</c> dates.</param>
    /// <param name="logger">Told of every call that failed; never of the token or the input.</param>
    public RunComfyClient(HttpClient http, IOptions<RunComfyOptions> options, TimeProvider time, ILogger<RunComfyClient> logger)
    {
        _http = http;
        _time = time;
        _logger = logger;
        _token = options.Value.ApiToken;
        var root = options.Value.BaseUrl.TrimEnd('/');
        if (!root.EndsWith("/v1", StringComparison.Ordinal))
            root += "/v1";
        _submit = new Uri($"{root}/models/{string.Join('/', options.Value.Model.Split('/').Select(Uri.EscapeDataString))}");
        _requests = root + "/requests/";
    }

    /// <summary>
    /// The handler to put under this client. No redirects: .NET would repeat a POST at another address (307, 308), and take the token's
    /// owner there. No cookies: calls share nothing. No proxy but the owner's own setting: with one of the environment, the paid POST would get out
    /// and its result would not get in.
    /// </summary>
    /// <param name="proxy">The proxy of <c>Network:Proxy</c>; null for none.</param>
    public static SocketsHttpHandler CreateHandler(IWebProxy? proxy = null) => new()
    {
        AllowAutoRedirect = false,
        Proxy = proxy,
        UseProxy = proxy is not null,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };

    /// <summary>
    /// Sends the paid POST, once. <see cref="SubmitAnswer.NotSent"/> and <see cref="SubmitAnswer.Refused"/> mean that nothing was accepted;
    /// cancelling the call, like <see cref="SubmitAnswer.InDoubt"/>, leaves that open.
    /// </summary>
    /// <param name="input">The model's input object, sent as it is.</param>
    /// <param name="ct">Gives up waiting for the answer.</param>
    public async Task<SubmitAnswer> SubmitAsync(JsonElement input, CancellationToken ct)
    {
        using var content = new OnceOnlyContent(JsonMarshal.GetRawUtf8Value(input).ToArray());
        // Exactly 1.1: what OnceOnlyContent proves, it proves of this version.
        using var request = Request(HttpMethod.Post, _submit);
        request.Version = HttpVersion.Version11;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Content = content;

        var (reply, trouble) = await CallAsync(request, "submit", requestId: "", ct);
        if (reply is not null)
            return ReplyReading.Submit(reply);
        return content.WasAskedFor
            ? new SubmitAnswer.InDoubt($"{trouble} It may or may not have taken the job.")
            : new SubmitAnswer.NotSent($"{trouble} Nothing was sent.");
    }

    /// <summary>Asks where a request stands.</summary>
    /// <param name="requestId">The id that the submission was answered with.</param>
    /// <param name="ct">Gives up the call.</param>
    /// <exception cref="ArgumentException">The text can't be a request id.</exception>
    public async Task<StatusAnswer> GetStatusAsync(string requestId, CancellationToken ct)
    {
        var (reply, trouble) = await AskAsync(HttpMethod.Get, requestId, "status", ct);
        return reply is not null ? ReplyReading.Status(reply) : new StatusAnswer.Faulted(NoAnswer(trouble));
    }

    /// <summary>Fetches the result of a request that is over, or the state of one that is not.</summary>
    /// <inheritdoc cref="GetStatusAsync"/>
    public async Task<ResultAnswer> GetResultAsync(string requestId, CancellationToken ct)
    {
        var (reply, trouble) = await AskAsync(HttpMethod.Get, requestId, "result", ct);
        return reply is not null ? ReplyReading.Result(reply) : new ResultAnswer.Faulted(NoAnswer(trouble));
    }

    /// <summary>Asks to cancel a request; RunComfy does so only while it is queued.</summary>
    /// <inheritdoc cref="GetStatusAsync"/>
    public async Task<CancelAnswer> CancelAsync(string requestId, CancellationToken ct)
    {
        var (reply, trouble) = await AskAsync(HttpMethod.Post, requestId, "cancel", ct);
        return reply is not null ? ReplyReading.Cancel(reply) : new CancelAnswer.Faulted(NoAnswer(trouble));
    }

    private static ProviderFault NoAnswer(string trouble) =>
        new(FaultClass.Transient, HttpStatus: null, ProviderCode: null, trouble, RetryAfter: null);

    private async Task<(ProviderReply? Reply, string Trouble)> AskAsync(HttpMethod method, string requestId, string call, CancellationToken ct)
    {
        if (!ProviderReply.IsRequestId(requestId))
            throw new ArgumentException("A request id is 1 to 128 of the characters A-Z, a-z, 0-9, _ and -.", nameof(requestId));
        // Built here, not taken from the links in the answer: those are the provider's word for where the token should go.
        using var request = Request(method, new Uri($"{_requests}{requestId}/{call}"));
        return await CallAsync(request, call, requestId, ct);
    }

    private HttpRequestMessage Request(HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
        return request;
    }

    /// <summary>Either a reply, or what kept it away.</summary>
    private async Task<(ProviderReply? Reply, string Trouble)> CallAsync(
        HttpRequestMessage request, string call, string requestId, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(TimeLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            var body = await ReadBodyAsync(response, call, requestId, either.Token, ct);
            var reply = new ProviderReply((int)response.StatusCode, body, RetryAfter.Read(response.Headers, _time), _token);
            if (!reply.IsSuccess || reply.Code is not null)
                LogRefusal(call, requestId, reply.HttpStatus, reply.Code, reply.Sentence);
            return (reply, "");
        }
        // Whatever it was that went wrong, and whichever handler threw it: the caller must learn whether the body left, not see an
        // exception that says nothing of it.
        catch (Exception e)
        {
            ct.ThrowIfCancellationRequested();
            LogNoAnswer(call, requestId, e);
            var trouble = (e as HttpRequestException)?.HttpRequestError switch
            {
                _ when limit.IsCancellationRequested => $"RunComfy did not answer within {TimeLimit.TotalSeconds:0} seconds.",
                HttpRequestError.NameResolutionError => $"RunComfy's host name could not be resolved.{HintAtProxy(request.RequestUri!)}",
                HttpRequestError.ConnectionError => $"RunComfy could not be connected to.{HintAtProxy(request.RequestUri!)}",
                HttpRequestError.ProxyTunnelError => "The proxy that Network:Proxy names did not connect to RunComfy: check its address, user name and password.",
                HttpRequestError.SecureConnectionError => "A secure connection to RunComfy could not be made.",
                _ => "The connection to RunComfy failed before an answer came.",
            };
            return (null, trouble);
        }
    }

    private static string HintAtProxy(Uri url) => HttpClient.DefaultProxy.IsBypassed(url) || HttpClient.DefaultProxy.GetProxy(url) is null
        ? ""
        : " The environment names a proxy, which is not used: set Network:Proxy, if this network can only be left through it.";

    /// <summary>As much of the body as came, up to 256 KiB without what is cut from long strings. What a broken one still tells is for the reading to find out.</summary>
    private async Task<byte[]> ReadBodyAsync(
        HttpResponseMessage response, string call, string requestId, CancellationToken either, CancellationToken ct)
    {
        using var body = new MemoryStream();
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(either);
            var buffer = new byte[8192];
            var strings = new LongStrings();
            int read;
            for (var total = 0L; body.Length < LongestBody && total < LongestRead && (read = await stream.ReadAsync(buffer, either)) > 0; total += read)
                strings.Append(buffer.AsSpan(0, read), body);
        }
        catch (Exception e)
        {
            ct.ThrowIfCancellationRequested();
            LogNoAnswer(call, requestId, e);
        }

        return body.ToArray();
    }

    [LoggerMessage(1, LogLevel.Warning, "RunComfy {Call} {RequestId}: no answer, or only part of one")]
    private partial void LogNoAnswer(string call, string requestId, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "RunComfy {Call} {RequestId}: HTTP {HttpStatus}, code {ProviderCode}: {Sentence}")]
    private partial void LogRefusal(string call, string requestId, int httpStatus, int? providerCode, string? sentence);
}
