using System.Diagnostics;
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
/// also network failures and malformed answers; only the caller's own cancellation throws. Nothing is retried here.
/// </summary>
public sealed partial class RunComfyClient
{
    /// <summary>The timeout of a call. The ledgers wait longer for an intent, and derive that time from this constant.</summary>
    public static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(60);

    // Logs of a long generation may come before its result.
    private const int LongestBody = 4 * 1024 * 1024;
    private const long LongestRead = 8L * 1024 * 1024;

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ILogger<RunComfyClient> _logger;
    private readonly string _token;
    private readonly Uri _submit;
    private readonly string _requests;
    private readonly Uri _balance;

    /// <summary>Makes a client.</summary>
    /// <param name="http">A client on a handler from <see cref="CreateHandler"/>.</param>
    /// <param name="options">Address, token and model.</param>
    /// <param name="time">Limits calls and reads <c>Retry-After</c> dates.</param>
    /// <param name="logger">Logs every failed call, without the token or the input.</param>
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
        _balance = BalanceOf(new Uri(root));
    }

    /// <summary>
    /// The handler for this client. No redirects: .NET would repeat a POST at another address (307, 308), with the token. No cookies: calls
    /// share nothing. No proxy but the owner's own setting: with one from the environment, the paid POST would go out and its result would
    /// not come in.
    /// </summary>
    /// <param name="proxy">The proxy of <c>Network:Proxy</c>; null for none.</param>
    public static SocketsHttpHandler CreateHandler(IWebProxy? proxy = null) => new()
    {
        // RunComfy gets neither the trace nor the baggage of a caller.
        ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
        AllowAutoRedirect = false,
        Proxy = proxy,
        UseProxy = proxy is not null,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };

    /// <summary>
    /// Sends the paid POST, once. <see cref="SubmitAnswer.NotSent"/> and <see cref="SubmitAnswer.Refused"/> mean that nothing was accepted;
    /// a cancelled call, like <see cref="SubmitAnswer.InDoubt"/>, leaves that open.
    /// </summary>
    /// <param name="input">The model's input object, sent as it is.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    public async Task<SubmitAnswer> SubmitAsync(JsonElement input, CancellationToken cancellationToken)
    {
        using var content = new OnceOnlyContent(JsonMarshal.GetRawUtf8Value(input).ToArray());
        // Exactly 1.1: the proof in OnceOnlyContent holds for this version only.
        using var request = Request(HttpMethod.Post, _submit);
        request.Version = HttpVersion.Version11;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Content = content;

        var (reply, trouble) = await CallAsync(request, "submit", requestId: "", cancellationToken);
        if (reply is not null)
            return ReplyReading.Submit(reply);
        return content.WasAskedFor
            ? new SubmitAnswer.InDoubt($"{trouble} It may or may not have accepted the job.")
            : new SubmitAnswer.NotSent($"{trouble} Nothing was sent.");
    }

    /// <summary>Reads the state of a request.</summary>
    /// <param name="requestId">The id from the answer to the submission.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The text can't be a request id.</exception>
    public async Task<StatusAnswer> GetStatusAsync(string requestId, CancellationToken cancellationToken)
    {
        var (reply, trouble) = await AskAsync(HttpMethod.Get, requestId, "status", cancellationToken);
        return reply is not null ? ReplyReading.Status(reply) : new StatusAnswer.Faulted(NoAnswer(trouble));
    }

    /// <summary>Reads the result of a request that has ended, or the state of one that has not.</summary>
    /// <inheritdoc cref="GetStatusAsync"/>
    public async Task<ResultAnswer> GetResultAsync(string requestId, CancellationToken cancellationToken)
    {
        // The parameter is undocumented; RunComfy's own ComfyUI nodes send it.
        var (reply, trouble) = await AskAsync(HttpMethod.Get, requestId, "result?include_cost=true", cancellationToken);
        return reply is not null ? ReplyReading.Result(reply) : new ResultAnswer.Faulted(NoAnswer(trouble));
    }

    /// <summary>Asks to cancel a request; RunComfy does so only while it is queued.</summary>
    /// <inheritdoc cref="GetStatusAsync"/>
    public async Task<CancelAnswer> CancelAsync(string requestId, CancellationToken cancellationToken)
    {
        var (reply, trouble) = await AskAsync(HttpMethod.Post, requestId, "cancel", cancellationToken);
        return reply is not null ? ReplyReading.Cancel(reply) : new CancelAnswer.Faulted(NoAnswer(trouble));
    }

    /// <summary>Whether RunComfy knows the token: asks, for free, for a request that does not exist.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task<AccountAnswer<KnownToken>> CheckTokenAsync(CancellationToken cancellationToken)
    {
        var answer = await LookAsync(new Uri($"{_requests}{Guid.NewGuid()}/status"), "token", _ => new KnownToken(), cancellationToken);
        // RunComfy checks the token before the request. A 404 without RunComfy's code may come from any server.
        return answer.Fault is { Class: FaultClass.NotFound, ProviderCode: not null } ? answer with { Value = new(), Fault = null } : answer;
    }

    /// <summary>Reads the model's entry in the catalogue.</summary>
    /// <inheritdoc cref="CheckTokenAsync"/>
    public Task<AccountAnswer<CatalogueEntry>> GetModelAsync(CancellationToken cancellationToken) =>
        LookAsync(_submit, "model", reply => reply.Catalogue, cancellationToken);

    /// <summary>Reads the balance of the account.</summary>
    /// <inheritdoc cref="CheckTokenAsync"/>
    public Task<AccountAnswer<AccountBalance>> GetBalanceAsync(CancellationToken cancellationToken) =>
        LookAsync(_balance, "balance", reply => reply.NumberOf("balance_usd") is { } usd ? new AccountBalance(usd) : null, cancellationToken);

    /// <summary>
    /// RunComfy's own command line reads it from the host <c>api.</c> beside <c>model-api.</c>; any other address serves both.
    /// </summary>
    private static Uri BalanceOf(Uri root) =>
        new($"{root.Scheme}://{(root.Authority.StartsWith("model-api.", StringComparison.OrdinalIgnoreCase) ? root.Authority["model-".Length..] : root.Authority)}/prod/v2/balance");

    private async Task<AccountAnswer<T>> LookAsync<T>(Uri url, string call, Func<ProviderReply, T?> read, CancellationToken cancellationToken)
        where T : class
    {
        using var request = Request(HttpMethod.Get, url);
        var (reply, trouble) = await CallAsync(request, call, requestId: "", cancellationToken);
        if (reply is null) return new(null, NoAnswer(trouble), Date: null);
        if (ReplyReading.Trouble(reply) is { } fault) return new(null, fault, reply.Date);
        return read(reply) is { } value
            ? new(value, Fault: null, reply.Date)
            : new(null, new(FaultClass.Transient, reply.HttpStatus, ProviderCode: null, "RunComfy's answer is not understood.", RetryAfter: null), reply.Date);
    }

    private static ProviderFault NoAnswer(string trouble) =>
        new(FaultClass.Transient, HttpStatus: null, ProviderCode: null, trouble, RetryAfter: null);

    private async Task<(ProviderReply? Reply, string Trouble)> AskAsync(HttpMethod method, string requestId, string call, CancellationToken cancellationToken)
    {
        if (!ProviderReply.IsRequestId(requestId))
            throw new ArgumentException("A request id is 1 to 128 of the characters A-Z, a-z, 0-9, _ and -.", nameof(requestId));
        // Built here, not read from the links in the answer: those would let the provider choose where the token goes.
        using var request = Request(method, new Uri($"{_requests}{requestId}/{call}"));
        return await CallAsync(request, call, requestId, cancellationToken);
    }

    private HttpRequestMessage Request(HttpMethod method, Uri url)
    {
        var request = new HttpRequestMessage(method, url);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
        return request;
    }

    /// <summary>A reply, or the reason why there is none.</summary>
    private async Task<(ProviderReply? Reply, string Trouble)> CallAsync(
        HttpRequestMessage request, string call, string requestId, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(TimeLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            var body = await ReadBodyAsync(response, call, requestId, either.Token, cancellationToken);
            var reply = new ProviderReply((int)response.StatusCode, body, RetryAfter.Read(response.Headers, _time), _token, response.Headers.Date);
            if (!reply.IsSuccess || reply.Code is not null)
                LogRefusal(call, requestId, reply.HttpStatus, reply.Code, reply.Sentence);
            return (reply, "");
        }
        // Every exception, from any handler: the caller must learn whether the body left, which the exception itself does not say.
        catch (Exception e)
        {
            cancellationToken.ThrowIfCancellationRequested();
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

    /// <summary>
    /// The body as far as it came: up to 4 MiB, not counting cuts from long strings. A broken body may still have the id.
    /// </summary>
    private async Task<byte[]> ReadBodyAsync(
        HttpResponseMessage response, string call, string requestId, CancellationToken either, CancellationToken cancellationToken)
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
            cancellationToken.ThrowIfCancellationRequested();
            LogNoAnswer(call, requestId, e);
        }

        return body.ToArray();
    }

    [LoggerMessage(1, LogLevel.Warning, "RunComfy {Call} {RequestId}: no answer, or only part of one")]
    private partial void LogNoAnswer(string call, string requestId, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "RunComfy {Call} {RequestId}: HTTP {HttpStatus}, code {ProviderCode}: {Sentence}")]
    private partial void LogRefusal(string call, string requestId, int httpStatus, int? providerCode, string? sentence);
}
