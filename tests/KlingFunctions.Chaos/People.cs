using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.Chaos;

/// <summary>
/// Clients that order videos, and an operator who does what docs/operations.md says about the jobs that did not go well. They see no more
/// than HTTP answers and the provider's own pages, and go on working when the host under their hands dies.
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

    /// <summary>Orders, looks and mends, until the host is dead or time is up; or until all is settled, without new orders.</summary>
    public async Task WorkAsync(HostProcess host, bool untilSettled, CancellationToken cancel)
    {
        try
        {
            using var http = new HttpClient { BaseAddress = await host.ListeningAsync(cancel) };
            while (!(untilSettled && Orders.All(o => o.IsSettled)))
            {
                if (!untilSettled && Orders.Count(o => !o.IsUpload && o.Status is not ("succeeded" or "cancelled" or "failed")) < AtOnce) Add();
                foreach (var order in Orders.Where(o => !o.IsSettled)) await AttendAsync(http, order, cancel);
                await Task.Delay(40, cancel);
            }
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            // The host is dead, or has had its time.
        }
    }

    /// <summary>Puts an order into the inbox, whether a host looks at it or not.</summary>
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

    /// <summary>Writes every file of the inbox anew with what is in it, as a restored backup and many sync programs do. No job may come of it.</summary>
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

    /// <summary>Two calls with one key at the same moment.</summary>
    public Task OrderTwiceAsync(HttpClient http, CancellationToken cancel) => TwiceAsync("orders", http, Add(), PostAsync, cancel);

    /// <summary>Two calls at the same moment.</summary>
    public Task ResumeTwiceAsync(HttpClient http, Order order, CancellationToken cancel)
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
        return ResumeTwiceAsync(http, order, how, cancel);
    }

    /// <summary>Two calls at the same moment.</summary>
    public Task RedeliverTwiceAsync(HttpClient http, Order order, CancellationToken cancel) =>
        TwiceAsync("redeliveries", http, order, (h, o, c) => h.PostAsync(new Uri($"/api/videos/{o.Id}/redeliver", UriKind.Relative), null, c), cancel);

    public static bool IsOf(Submission submission, Order order) => submission.Input.GetProperty("prompt").GetString() == order.Prompt;

    private Order Add(bool isUpload = false)
    {
        lock (_orders)
        {
            _orders.Add(new(_orders.Count, isUpload));
            return _orders[^1];
        }
    }

    private async Task AttendAsync(HttpClient http, Order order, CancellationToken cancel)
    {
        if (order.Id is null)
        {
            using var answer = await PostAsync(http, order, cancel);
            Heard(order, answer.StatusCode);
            order.Id = (await Scene.JsonOf(answer)).GetProperty("id").GetString();
            if (random.Next(12) == 0)
            {
                order.CancelWished = true;
                using var cancelled = await http.PostAsync(new Uri($"/api/videos/{order.Id}/cancel", UriKind.Relative), null, cancel);
            }
        }
        using var look = await http.GetAsync(new Uri($"/api/videos/{order.Id}", UriKind.Relative), cancel);
        // A file is looked at twice before it is taken.
        if (look.StatusCode is HttpStatusCode.NotFound && order is { IsUpload: true, Status: "" }) return;
        if (look.StatusCode is not HttpStatusCode.OK) throw new InvalidOperationException($"{order.Key} was accepted as {order.Id} and now answers {look.StatusCode}.");
        order.Seen = await Scene.JsonOf(look);

        if (order.IsInDoubt && !Rest) await ResumeTwiceAsync(http, order, cancel);
        else if (order.CanJustGoOn) await ResumeTwiceAsync(http, order, how: null, cancel);
        else if (order.Notifications.Contains("dead_letter")) await RedeliverTwiceAsync(http, order, cancel);
    }

    private Task<HttpResponseMessage> PostAsync(HttpClient http, Order order, CancellationToken cancel)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/videos")
        {
            Content = JsonContent.Create(Request(order)),
        };
        request.Headers.Add("Idempotency-Key", order.Key);
        return http.SendAsync(request, cancel);
    }

    private JsonObject Request(Order order) => new()
    {
        ["prompt"] = order.Prompt,
        ["image_urls"] = new JsonArray(new Uri(runComfy.BaseUrl, "/simulator/images/valley.webp").AbsoluteUri),
        ["webhook_url"] = receiver.Url,
    };

    // RunComfy is asked whether it knows a request that somebody types in, and in its troubles may deny one that it has: he tries again.
    private Task ResumeTwiceAsync(HttpClient http, Order order, JsonObject? how, CancellationToken cancel) => TwiceAsync(
        Resumes, http, order, (h, o, c) => h.PostAsync($"/api/videos/{o.Id}/resume", how is null ? null : JsonContent.Create(how), c), cancel,
        mayBeDenied: how?.ContainsKey("request_id") is true);

    private async Task TwiceAsync(
        string what, HttpClient http, Order order, Func<HttpClient, Order, CancellationToken, Task<HttpResponseMessage>> call, CancellationToken cancel,
        bool mayBeDenied = false)
    {
        figures.Count($"{what}, each called twice at the same moment");
        try
        {
            var answers = await Task.WhenAll(call(http, order, cancel), call(http, order, cancel));
            foreach (var answer in answers)
            {
                using (answer)
                {
                    if (mayBeDenied && answer.StatusCode is HttpStatusCode.BadRequest) figures.Count("requests of its own that RunComfy denied to know");
                    else Heard(order, answer.StatusCode);
                }
            }
            if (what is Resumes && answers.All(a => a.StatusCode is HttpStatusCode.Accepted))
                throw new InvalidOperationException($"Two calls resumed {order.Key} at the same moment, and both were told that they did.");
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException or OperationCanceledException)
        {
            // The host died under it: what came of the calls is seen in its next life.
        }
    }

    private static void Heard(Order order, HttpStatusCode status)
    {
        if (status is not (HttpStatusCode.Accepted or HttpStatusCode.Conflict))
            throw new InvalidOperationException($"A call for {order.Key} was answered with {(int)status}.");
    }
}
