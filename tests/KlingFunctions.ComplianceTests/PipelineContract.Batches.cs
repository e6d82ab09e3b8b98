using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.ComplianceTests;

public abstract partial class PipelineContract
{
    [Fact]
    public async Task Batch_is_accepted_item_by_item_paid_once_and_notified_once()
    {
        await using var scene = await StartAsync();
        using (await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url, ["events"] = new JsonArray("batch.finished") }))
        {
            var before = scene.RunComfy.Account.AcceptedCount;
            var lines = $"{scene.Request().ToJsonString()}\n{{\"prompt\":\"\"}}\nno JSON\n{scene.Request().ToJsonString()}\n";
            var first = await BatchAsync(lines);
            Assert.Equal([true, false, false, true], first.GetProperty("items").EnumerateArray().Select(item => item.TryGetProperty("id", out _)));
            Assert.Equal("/prompt", first.GetProperty("items")[1].GetProperty("problem").GetProperty("errors")[0].GetProperty("pointer").GetString());
            // A submission that a kill interrupts is in doubt.
            foreach (var id in IdsOf(first)) await scene.Host.RunUntilAsync(id, job => job.TryGetProperty("provider", out _));
            await scene.Host.KillAsync();
            // A different batch, since one request differs.
            var second = await BatchAsync($"[{scene.Request().ToJsonString()},{{\"prompt\":\"\"}},null,{scene.Request().ToJsonString()}]", HttpStatusCode.UnprocessableEntity);
            Assert.Equal("idempotency_key_reused", second.GetProperty("code").GetString());
            var again = await BatchAsync(lines);
            Assert.Equal(IdsOf(first), IdsOf(again));

            foreach (var id in IdsOf(first)) await scene.UntilAsync(id, "succeeded");
            var (batch, last) = (first.GetProperty("batch").GetProperty("id").GetString()!, IdsOf(first)[^1]);
            await scene.Host.RunUntilAsync(last, _ => scene.Receiver.Received.Count > 0);
            var webhook = Assert.Single(scene.Receiver.Received).Json;
            Assert.Equal("batch.finished", webhook.GetProperty("type").GetString());
            var resource = webhook.GetProperty("data");
            Assert.Equal(
                (batch, "finished", 4, 2, 2, 2),
                (resource.GetProperty("id").GetString(), Scene.StatusOf(resource), Number("total"), Number("accepted"), Number("refused"), Number("succeeded")));
            Assert.Equal(2, scene.RunComfy.Account.AcceptedCount - before);

            var now = await JsonAsync($"/api/batches/{batch}");
            Assert.Equal("finished", Scene.StatusOf(now));
            var listed = (await JsonAsync($"/api/videos?batch={batch}")).GetProperty("videos").EnumerateArray().ToList();
            Assert.Equal(IdsOf(first).Order(), listed.Select(job => job.GetProperty("id").GetString()!).Order());
            Assert.All(listed, job => Assert.Equal(batch, job.GetProperty("batch").GetString()));
            Assert.Equal(2, (await JsonAsync($"/api/videos/counts?batch={batch}&status=succeeded")).GetProperty("total").GetInt32());
            Assert.Equal(0, (await JsonAsync($"/api/videos/counts?batch=bat_{new string('0', 32)}")).GetProperty("total").GetInt32());

            int Number(string name) => resource.GetProperty(name).GetInt32();
        }

        static IReadOnlyList<string> IdsOf(JsonElement answer) =>
            [.. answer.GetProperty("items").EnumerateArray().Where(item => item.TryGetProperty("id", out _)).Select(item => item.GetProperty("id").GetString()!)];

        async Task<JsonElement> BatchAsync(string body, HttpStatusCode status = HttpStatusCode.Accepted)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/videos/batch");
            request.Content = new StringContent(body, Encoding.UTF8, MediaTypeHeaderValue.Parse(body[0] == '[' ? "application/json" : "application/x-ndjson"));
            request.Headers.Add("Idempotency-Key", "orders-of-today");
            using var answer = await scene.Http.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
            return await Scene.JsonOf(answer);
        }

        async Task<JsonElement> JsonAsync(string path)
        {
            using var answer = await scene.Http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return await Scene.JsonOf(answer);
        }
    }

    [Fact]
    public async Task Jobs_of_a_batch_are_cancelled_at_once_and_each_is_answered()
    {
        await using var scene = await StartAsync(new() { Slots = 0 });
        using var accepted = await scene.PostAsync("/api/videos/batch", new JsonArray(scene.Request(), scene.Request()));
        var batch = (await Scene.JsonOf(accepted)).GetProperty("batch").GetProperty("id").GetString()!;
        var ids = (await ActAsync("cancel", new() { ["batch"] = batch })).Select(video => video.GetProperty("id").GetString()!).ToList();
        Assert.Equal(2, ids.Count);
        foreach (var id in ids) await scene.UntilAsync(id, "cancelled");
        foreach (var action in new[] { "cancel", "resume", "redeliver" })
        {
            var answers = await ActAsync(action, new() { ["ids"] = new JsonArray(ids[0], "vid_00000000000000000000000000000000") });
            Assert.Equal([409, 404], answers.Select(video => video.GetProperty("problem").GetProperty("status").GetInt32()));
        }

        async Task<IReadOnlyList<JsonElement>> ActAsync(string action, JsonObject body)
        {
            using var answer = await scene.PostAsync($"/api/videos/{action}", body);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return [.. (await Scene.JsonOf(answer)).GetProperty("videos").EnumerateArray()];
        }
    }
}
