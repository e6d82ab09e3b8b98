using System.Globalization;
using System.Security.Cryptography;
using KlingFunctions.ComplianceTests.Hosts;
using Microsoft.Data.Sqlite;

namespace KlingFunctions.Chaos;

/// <summary>
/// Compares the clients' answers, the provider's account, the store, the journal and the receiver's log, once all is idle.
/// </summary>
internal sealed class Audit
{
    private static readonly TimeSpan ComesToRestWithin = TimeSpan.FromMinutes(1);

    private readonly ChaosRun _run;
    private readonly HttpClient _http;
    private readonly SqliteConnection _journal;
    private readonly List<string> _faults = [];

    private Audit(ChaosRun run, HttpClient http, SqliteConnection journal) => (_run, _http, _journal) = (run, http, journal);

    /// <summary>Returns one sentence for each fault.</summary>
    public static async Task<IReadOnlyList<string>> RunAsync(ChaosRun run, HostProcess host, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = await host.ListeningAsync(cancellationToken) };
        await using var journal = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(run.Folder, "journal.db"),
            Pooling = false,
        }.ConnectionString);
        await journal.OpenAsync(cancellationToken);
        var audit = new Audit(run, http, journal);
        await audit.JournalAsync(cancellationToken);
        audit.Account();
        foreach (var order in run.People.Orders) await audit.OrderAsync(order, cancellationToken);
        audit.Folders();
        audit.Receiver();
        return audit._faults;
    }

    private async Task JournalAsync(CancellationToken cancellationToken)
    {
        for (var patience = ComesToRestWithin; Rows("SELECT id FROM instances WHERE outcome IS NULL").Count > 0 && patience > TimeSpan.Zero; patience -= TimeSpan.FromSeconds(0.2))
            await Task.Delay(200, cancellationToken);
        None("still runs", Rows("SELECT id || ' ' || ifnull(status, '') FROM instances WHERE outcome IS NULL"));
        None("broke as a workflow", Rows("SELECT id || ' ' || output FROM instances WHERE outcome = 'failed'"));
        None("has a history left", Rows("SELECT DISTINCT instance FROM history"));
        None("has an event left", Rows("SELECT instance FROM inbox"));
        None("is in the ledger twice", Rows("SELECT request_id FROM submissions WHERE request_id IS NOT NULL GROUP BY request_id HAVING count(*) > 1"));
        None("has ended and keeps its place in flight", Rows("SELECT value FROM documents, json_each(text, '$.jobs') WHERE name = 'quota/in-flight'"));
        Equal("the journal's own check", "ok", Rows("PRAGMA integrity_check").Single());
        var known = _run.People.Orders.Select(o => o.Id).ToHashSet();
        None("is a job that nobody ordered", Rows("SELECT id FROM instances WHERE workflow = 'GenerateVideo'").Where(id => !known.Contains(id)));
    }

    private void Account()
    {
        var account = _run.RunComfy.Account;
        var orders = _run.People.Orders;
        None("was paid and nobody ordered it", account.Accepted.Where(s => !orders.Any(o => People.IsOf(s, o))).Select(s => s.RequestId));
        var cancelled = account.Cancellations.Where(c => c.Outcome is "cancelled").Select(c => c.RequestId).ToHashSet();
        Equal("what was spent", account.Accepted.Where(s => !cancelled.Contains(s.RequestId)).Sum(s => s.PriceUsd), account.SpentUsd);

        var ledger = Rows("SELECT request_id FROM submissions WHERE request_id IS NOT NULL").ToHashSet();
        None("is in the ledger and not in the account", ledger.Except(account.Accepted.Select(s => s.RequestId)));
        var counted = Rows("SELECT value FROM documents, json_each(text, '$.jobs') WHERE name LIKE 'quota/days/%'");
        None("was paid and counts for no day", Rows("SELECT key FROM submissions WHERE request_id IS NOT NULL").Except(counted));
        None("counts more than once for a day", counted.CountBy(key => key).Where(key => key.Value > 1).Select(key => key.Key));
        // Every submission that was never in doubt is in the ledger, and so is each request id that the operator found and gave to the job.
        None("was paid and is not in the ledger", account.Accepted
            .Where(s => !ledger.Contains(s.RequestId) && orders.Any(o => People.IsOf(s, o) && !MayBeInDoubt(o))).Select(s => s.RequestId));
        None("has an intent without an id, and was never in doubt", Rows("SELECT key FROM submissions WHERE request_id IS NULL")
            .Where(key => !orders.Any(o => MayBeInDoubt(o) && key.StartsWith(o.Id!, StringComparison.Ordinal))));
    }

    private async Task OrderAsync(Order order, CancellationToken cancellationToken)
    {
        if (!order.IsSettled)
        {
            _faults.Add($"{order.Key} ({order.Id}) has not ended as it should: {order.Seen}");
            return;
        }
        var paid = _run.RunComfy.Account.Accepted.Where(s => People.IsOf(s, order)).Select(s => s.RequestId).ToList();
        var heard = Rows("SELECT ifnull(request_id, '') FROM submissions WHERE key LIKE $1 || '%'", order.Id!);
        // Each submission has its own intent, and no new intent is written after an answer arrived.
        if (paid.Count > heard.Count) _faults.Add($"{order.Key} ({order.Id}) was paid {paid.Count} times, and {heard.Count} were intended.");
        if (heard.Count(id => id.Length > 0) > 1) _faults.Add($"{order.Key} ({order.Id}) was submitted again although an answer had arrived.");
        if (!_run.Resubmits && paid.Count > order.MayBePaid) _faults.Add($"{order.Key} ({order.Id}) was paid {paid.Count} times, and {order.MayBePaid} would be right.");
        if (order.Status is "cancelled")
        {
            if (!order.CancelRequested) _faults.Add($"{order.Key} was cancelled, and nobody asked for it.");
            var cancelled = _run.RunComfy.Account.Cancellations.Where(c => c.Outcome is "cancelled").Select(c => c.RequestId);
            // After a submission in doubt was repeated, the job only knows and cancels the last request.
            None($"was paid, and its job {order.Key} is cancelled", paid.Except(cancelled).Skip(_run.Resubmits ? heard.Count(id => id.Length == 0) : 0));
            return;
        }
        var requestId = order.Seen.GetProperty("provider").GetProperty("request_id").GetString()!;
        if (!paid.Contains(requestId)) _faults.Add($"{order.Key} has the video of {requestId}, which is none of its submissions.");
        var video = order.Seen.GetProperty("video");
        var bytes = await _http.GetByteArrayAsync(new Uri($"/api/videos/{order.Id}/content", UriKind.Relative), cancellationToken);
        var made = await TheProvidersOwnAsync(requestId, cancellationToken);
        Equal($"the video of {order.Key}", Hash(made), Hash(bytes));
        Equal($"the SHA-256 of {order.Key}", Hash(made), video.GetProperty("sha256").GetString()!);
        Equal($"the size of {order.Key}", made.Length, video.GetProperty("size_bytes").GetInt32());
    }

    private async Task<byte[]> TheProvidersOwnAsync(string requestId, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_run.RunComfy.BaseUrl, $"/v1/requests/{requestId}/result"));
        request.Headers.Authorization = new("Bearer", "audit");
        using var answer = await _http.SendAsync(request, cancellationToken);
        var result = await Scene.JsonOf(answer);
        return await _http.GetByteArrayAsync(new Uri(result.GetProperty("output").GetProperty("video").GetString()!), cancellationToken);
    }

    private bool MayBeInDoubt(Order order) => order.WasInDoubt || _run.Resubmits;

    private void Folders()
    {
        var videos = Path.Combine(_run.Folder, "videos");
        var wanted = _run.People.Orders.Where(o => o.Status is "succeeded")
            .SelectMany(o => new[] { Path.Combine(videos, o.Id!, "video.json"), Path.Combine(videos, o.Id!, "video.mp4") });
        var there = Directory.EnumerateFiles(videos, "*", SearchOption.AllDirectories).ToList();
        None("is not in the store", wanted.Except(there));
        None("is left in the store", there.Except(wanted));
    }

    private void Receiver()
    {
        var received = _run.Receiver.Received.ToLookup(webhook => webhook.Id);
        foreach (var same in received)
        {
            if (same.Select(w => Hash(w.Body)).Distinct().Count() > 1) _faults.Add($"The webhook {same.Key} came with different bodies.");
            if (same.Any(w => !w.IsSignedWith(Scene.WebhookSecret, SentAt(w)))) _faults.Add($"The webhook {same.Key} was not signed.");
        }
        foreach (var order in _run.People.Orders.Where(o => o.IsSettled))
        {
            var ids = received.Where(same => JobOf(same.First()) == order.Id).Select(same => same.Key).ToHashSet();
            var ends = received.Where(same => JobOf(same.First()) == order.Id && TypeOf(same.First()) == $"video.{order.Status}").Select(same => same.Key);
            Equal($"the number of webhooks about the end of {order.Key}", 1, ends.Count());
            // Each run of the job has its own webhook ids: an id is never used for the result of another run.
            None($"is missing among the webhooks of {order.Key}", Enumerable.Range(0, ids.Count).Where(run => ids.Count(id => id.EndsWith($"_{run}", StringComparison.Ordinal)) != 1).Select(run => $"run {run}"));
            Equal($"the number of notified runs of {order.Key}", ids.Count,
                Rows("SELECT id FROM instances WHERE id LIKE 'ntf_' || $1 || '_%'", order.Id!).Count);
        }
        // A notification of a run that was resumed later may be undelivered; then it is a dead letter.
        None("was neither delivered nor kept as a dead letter", Rows(
            """
            SELECT id || ' ' || status FROM instances WHERE workflow = 'Notify' AND status ->> 'state' <> 'delivered'
            AND NOT EXISTS (SELECT 1 FROM documents WHERE name = 'dead-letters/' || instances.id || '.json')
            """));
    }

    private static string JobOf(ReceivedWebhook webhook) => webhook.Json.GetProperty("data").GetProperty("id").GetString()!;

    private static string TypeOf(ReceivedWebhook webhook) => webhook.Json.GetProperty("type").GetString()!;

    private static DateTimeOffset SentAt(ReceivedWebhook webhook) =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(webhook.Timestamp, CultureInfo.InvariantCulture));

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private List<string> Rows(string sql, string parameter = "")
    {
        using var command = _journal.CreateCommand();
        command.CommandText = sql;
        command.Parameters.AddWithValue("$1", parameter);
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read()) rows.Add(reader.GetString(0));
        return rows;
    }

    private void None(string what, IEnumerable<string> offenders) => _faults.AddRange(offenders.Select(offender => $"{offender} {what}."));

    private void Equal<T>(string what, T wanted, T found)
    {
        if (!Equals(wanted, found)) _faults.Add($"{what} is {found} and should be {wanted}.");
    }
}
