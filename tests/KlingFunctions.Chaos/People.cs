using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Chaos;

/// <summary>
/// Clients that order videos, and an operator who treats failed jobs as docs/operations.md says. They see only HTTP answers and the
/// provider's own pages, and go on when the host dies.
/// </summary>
internal sealed class People(SimulatorHost runComfy, WebhookReceiver receiver, Random random, Figures figures)
{
    private const int AtOnce = 3;
    private const string Resumes = "resumes";

    private readonly List<Order> _orders = [];

    public IReadOnlyList<Order> Orders
    {
        get { lock (_orders) return [.. _orders]; }
    }

    /// <summary>While set, the operator leaves jobs in doubt alone.</summary>
    public bool Rest { get; set; }

    /// <summary>
    /// Orders, polls and resumes until the host is dead or time is up; or, without new orders, until all jobs are settled.
    /// </summary>
    public async Task WorkAsync(HostProcess host, bool untilSettled, CancellationToken cancellationToken)
    {
        try
        {
            using var http = new HttpClient { BaseAddress = await host.ListeningAsync(cancellationToken) };
            while (!(untilSettled && Orders.All(o => o.IsSettled)))
            {
                if (!untilSettled && Orders.Count(o => !o.IsUpload && o.Status is not ("succeeded" or "cancelled" or "failed")) < AtOnce) Add();
                foreach (var order in Orders.Where(o => !o.IsSettled)) await AttendAsync(http, order, cancellationToken);
                await Task.Delay(40, cancellationToken);
            }
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            // The host is dead, or its time is up.
        }
    }

    /// <summary>Puts an order into the inbox, whether a host is running or not.</summary>
    public void Upload(string inbox)
    {
        var order = Add(isUpload: true);
        var file = new FileInfo(Path.Combine(inbox, $"{order.Key}.json"));
        file.Directory!.Create();
        var content = Encoding.UTF8.GetBytes(Request(order).ToJsonString());
        File.WriteAllBytes(file.FullName, content);
        order.Id = KlingFunctions.Pipeline.Uploads.Upload.JobId(file.Name, Convert.ToHexStringLower(SHA256.HashData(content)));
        figures.Count("files put into the inbox");
    }

    /// <summary>
    /// Rewrites every file of the inbox with equal content, as a restored backup and many sync programs do. This must start no job.
    /// </summary>
    public void RestoreUploads(string inbox)
    {
        if (!Directory.Exists(inbox)) return;
        foreach (var path in Directory.EnumerateFiles(inbox, "*.json"))
        {
            var content = File.ReadAllBytes(path);
            File.Delete(path);
            File.WriteAllBytes(path, content);
            figures.Count("files of the inbox written anew");
        }
    }

    /// <summary>Makes two simultaneous calls with one key.</summary>
    public Task OrderTwiceAsync(HttpClient http, CancellationToken cancellationToken) => TwiceAsync("orders", http, Add(), PostAsync, cancellationToken);

    /// <summary>Makes two simultaneous calls.</summary>
    public Task ResumeTwiceAsync(HttpClient http, Order order, CancellationToken cancellationToken)
    {
        var there = runComfy.Account.Accepted.Where(s => IsOf(s, order)).ToList();
        order.WasInDoubt = true;
        JsonObject how;
        if (there.Count > 0 && random.Next(6) > 0)
        {
            figures.Count("in doubt, there at the provider: resumed with the request's id");
            how = new() { ["request_id"] = there[^1].RequestId };
        }
        else
        {
            figures.Count(there.Count > 0 ? "in doubt, there at the provider: resubmitted all the same" : "in doubt, not there at the provider: resubmitted");
            order.MayBePaid = there.Count + 1;
            how = new() { ["resubmit"] = true };
        }
        return ResumeTwiceAsync(http, order, how, cancellationToken);
    }

    /// <summary>Makes two simultaneous calls.</summary>
    public Task RedeliverTwiceAsync(HttpClient http, Order order, CancellationToken cancellationToken) =>
        TwiceAsync("redeliveries", http, order, (h, o, c) => h.PostAsync(new Uri($"/api/videos/{o.Id}/redeliver", UriKind.Relative), null, c), cancellationToken);

    public static bool IsOf(Submission submission, Order order) => submission.Input.GetProperty("prompt").GetString() == order.Prompt;

    private Order Add(bool isUpload = false)
    {
        lock (_orders)
        {
            _orders.Add(new(_orders.Count, isUpload));
            return _orders[^1];
        }
    }

    private async Task AttendAsync(HttpClient http, Order order, CancellationToken cancellationToken)
    {
        if (order.Id is null)
        {
            using var answer = await PostAsync(http, order, cancellationToken);
            Heard(order, answer.StatusCode);
            order.Id = (await Scene.JsonOf(answer)).GetProperty("id").GetString();
            if (random.Next(12) == 0)
            {
                order.CancelRequested = true;
                using var cancelled = await http.PostAsync(new Uri($"/api/videos/{order.Id}/cancel", UriKind.Relative), null, cancellationToken);
            }
        }
        using var look = await http.GetAsync(new Uri($"/api/videos/{order.Id}", UriKind.Relative), cancellationToken);
        // A file is seen by two scans before it starts a job.
        if (look.StatusCode is HttpStatusCode.NotFound && order is { IsUpload: true, Status: "" }) return;
        if (look.StatusCode is not HttpStatusCode.OK) throw new InvalidOperationException($"{order.Key} was accepted as {order.Id} and now answers {look.StatusCode}.");
        order.Seen = await Scene.JsonOf(look);

        if (order.IsInDoubt && !Rest) await ResumeTwiceAsync(http, order, cancellationToken);
        else if (order.CanJustGoOn) await ResumeTwiceAsync(http, order, how: null, cancellationToken);
        else if (order.Notifications.Contains("dead_letter")) await RedeliverTwiceAsync(http, order, cancellationToken);
    }

    private Task<HttpResponseMessage> PostAsync(HttpClient http, Order order, CancellationToken cancellationToken)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/videos")
        {
            Content = JsonContent.Create(Request(order)),
        };
        request.Headers.Add("Idempotency-Key", order.Key);
        return http.SendAsync(request, cancellationToken);
    }

    private JsonObject Request(Order order) => new()
    {
        ["prompt"] = order.Prompt,
        ["image_urls"] = new JsonArray(new Uri(runComfy.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri),
        ["webhook_url"] = receiver.Url,
    };

    // The host asks RunComfy for a request id that a person gives. A fault of RunComfy may deny an existing one, so the operator tries
    // again.
    private Task ResumeTwiceAsync(HttpClient http, Order order, JsonObject? how, CancellationToken cancellationToken) => TwiceAsync(
        Resumes, http, order, (h, o, c) => h.PostAsync($"/api/videos/{o.Id}/resume", how is null ? null : JsonContent.Create(how), c), cancellationToken,
        mayBeDenied: how?.ContainsKey("request_id") is true);

    private async Task TwiceAsync(
        string what, HttpClient http, Order order, Func<HttpClient, Order, CancellationToken, Task<HttpResponseMessage>> call, CancellationToken cancellationToken,
        bool mayBeDenied = false)
    {
        figures.Count($"{what}, each called twice at the same moment");
        try
        {
            var answers = await Task.WhenAll(call(http, order, cancellationToken), call(http, order, cancellationToken));
            foreach (var answer in answers)
            {
                using (answer)
                {
                    if (mayBeDenied && answer.StatusCode is HttpStatusCode.BadRequest) figures.Count("requests of its own that RunComfy denied to know");
                    else Heard(order, answer.StatusCode);
                }
            }
            if (what is Resumes && answers.All(a => a.StatusCode is HttpStatusCode.Accepted))
                throw new InvalidOperationException($"Two calls resumed {order.Key} at the same moment, and both succeeded.");
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            // The host died during the calls; their effect is checked on the next host.
        }
    }

    private static void Heard(Order order, HttpStatusCode status)
    {
        if (status is not (HttpStatusCode.Accepted or HttpStatusCode.Conflict))
            throw new InvalidOperationException($"A call for {order.Key} was answered with {(int)status}.");
    }
}
