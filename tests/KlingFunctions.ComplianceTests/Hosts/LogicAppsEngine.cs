using System.Net;
using System.Text.Json;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>The result of an action.</summary>
/// <param name="Succeeded">Whether the workflow continues; otherwise only actions for failures run.</param>
/// <param name="Status">The HTTP status of the last answer.</param>
/// <param name="Body">Its body.</param>
/// <param name="Polls">The wait before each poll.</param>
public sealed record ActionOutcome(bool Succeeded, HttpStatusCode Status, JsonElement Body, IReadOnlyList<TimeSpan> Polls);

/// <summary>The headers of polls. The documentation does not say whether polls repeat the headers of the first request.</summary>
public enum PollHeaders
{
    /// <summary>The headers of the first request, its key included.</summary>
    Own,

    /// <summary>No header at all.</summary>
    None,

    /// <summary>A key that is not the host's.</summary>
    WrongKey,
}

/// <summary>
/// The HTTP action of Azure Logic Apps, as documented (learn.microsoft.com/azure/logic-apps: logic-apps-workflow-actions-triggers,
/// error-exception-handling, connectors-native-http). After a 202 with <c>Location</c> it polls that URL, every <c>Retry-After</c> or 20 s,
/// until the answer is not a 202. A redirect is not followed, and fails like any other answer except 2xx. The retry policy repeats the
/// request up to four times after 408, 429, 5xx or no answer.
/// </summary>
/// <param name="http">Sends the first request, with its key.</param>
/// <param name="wait">Advances time; gets the URL of the next poll.</param>
public sealed class LogicAppsEngine(HttpClient http, Func<Uri, TimeSpan, Task> wait)
{
    private const int Retries = 4;
    private static readonly TimeSpan Otherwise = TimeSpan.FromSeconds(20);

    // This client follows no redirects and has no key of the host.
    private static readonly HttpClient Bare = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    /// <summary>The headers of polls.</summary>
    public PollHeaders Polls { get; init; }

    /// <summary>The number of answers that are still to be lost.</summary>
    public int AnswersLost { get; set; }

    public async Task<ActionOutcome> RunAsync(Func<HttpRequestMessage> request)
    {
        var answer = await SendAsync(http, request);
        var polls = new List<TimeSpan>();
        while (answer?.StatusCode is HttpStatusCode.Accepted)
        {
            var location = answer.Headers.Location;
            if (location is not { IsAbsoluteUri: true }) throw new InvalidOperationException($"A 202 needs an absolute Location; this one has '{location}'.");
            polls.Add(answer.Headers.RetryAfter?.Delta ?? Otherwise);
            answer.Dispose();
            await wait(location, polls[^1]);
            answer = await SendAsync(Polls is PollHeaders.Own ? http : Bare, () => Poll(location));
        }
        using (answer)
        {
            return answer is null
                ? new(false, HttpStatusCode.RequestTimeout, default, polls)
                : new(answer.IsSuccessStatusCode, answer.StatusCode, await Scene.JsonOf(answer), polls);
        }
    }

    private HttpRequestMessage Poll(Uri location)
    {
        var poll = new HttpRequestMessage(HttpMethod.Get, location);
        if (Polls is PollHeaders.WrongKey) poll.Headers.Add("x-functions-key", "the-key-of-another-host");
        return poll;
    }

    private async Task<HttpResponseMessage?> SendAsync(HttpClient sender, Func<HttpRequestMessage> request)
    {
        for (var tries = 0; ; tries++)
        {
            using var message = request();
            var answer = await sender.SendAsync(message);
            var lost = AnswersLost > 0;
            if (lost) AnswersLost--;
            if (!lost && answer.StatusCode is not (HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests) && (int)answer.StatusCode < 500) return answer;
            if (tries == Retries) return lost ? null : answer;
            answer.Dispose();
        }
    }
}
