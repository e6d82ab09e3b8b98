using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Simulator;

namespace KlingFunctions.ComplianceTests;

/// <summary>
/// The contract for clients of any host: each host derives from this class and runs every test unchanged. All calls go over HTTP, against
/// RunComfy's simulator.
/// </summary>
public abstract partial class PipelineContract
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(400);

    /// <summary>The clock of host, provider and receivers.</summary>
    protected abstract TimeProvider Time { get; }

    protected abstract Task<IHostUnderTest> StartHostAsync(IReadOnlyDictionary<string, string?> settings);

    /// <summary>Starts the provider. Tests without own settings may share one when a host is expensive to start.</summary>
    protected virtual Task<SimulatorHost> StartRunComfyAsync(Behaviour behaviour, bool hasOwnSettings) => SimulatorHost.StartAsync(behaviour, Time);

    protected async Task<Scene> StartAsync(Behaviour? behaviour = null, params (string Key, string Value)[] settings)
    {
        var runComfy = await StartRunComfyAsync(behaviour ?? new() { QueueTime = Moment, RunTime = Moment }, settings.Length > 0);
        var receiver = await WebhookReceiver.StartAsync();
        var all = Scene.SettingsFor(runComfy);
        foreach (var (key, value) in settings) all[key] = value;
        return new(await StartHostAsync(all), runComfy, receiver);
    }

    [Fact]
    public async Task Request_becomes_a_stored_video_paid_once_and_notified()
    {
        await using var scene = await StartAsync();
        byte[]? fetchedAtOnce = null;
        scene.Receiver.Receiving = async webhook => fetchedAtOnce = await scene.Http.GetByteArrayAsync(
            new Uri(webhook.Json.GetProperty("data").GetProperty("links").GetProperty("content").GetString()!));
        using var answer = await scene.PostAsync("/api/videos", scene.Request(scene.Receiver.Url));
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var accepted = await Scene.JsonOf(answer);
        var id = accepted.GetProperty("id").GetString()!;
        Assert.Equal("accepted", Scene.StatusOf(accepted));
        Assert.StartsWith($"{scene.Http.BaseAddress!.AbsoluteUri.TrimEnd('/')}/api/signed/operations/{id}?until=", answer.Headers.Location!.AbsoluteUri, StringComparison.Ordinal);
        Assert.NotNull(answer.Headers.RetryAfter!.Delta);

        await scene.EndAsync(id);
        var job = await scene.Host.RunUntilAsync(id, j => j.GetProperty("notifications")[0].GetProperty("state").GetString() == "delivered");
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal("completed", job.GetProperty("provider").GetProperty("status").GetString());

        var video = job.GetProperty("video");
        var bytes = await scene.Http.GetByteArrayAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative));
        Assert.Equal("video/mp4", video.GetProperty("content_type").GetString());
        Assert.Equal(bytes.Length, video.GetProperty("size_bytes").GetInt64());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), video.GetProperty("sha256").GetString());
        Assert.Equal("ftyp"u8, bytes.AsSpan(4, 4));
        Assert.Equal(bytes, fetchedAtOnce);

        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        var webhook = Assert.Single(scene.Receiver.Received);
        Assert.True(webhook.IsSignedWith(Scene.WebhookSecret, Time.GetUtcNow()));
        Assert.Equal("video.succeeded", webhook.Json.GetProperty("type").GetString());
        Assert.Equal(id, webhook.Json.GetProperty("data").GetProperty("id").GetString());
        Assert.Equal(video.GetProperty("sha256").GetString(), webhook.Json.GetProperty("data").GetProperty("video").GetProperty("sha256").GetString());
    }

    [Fact]
    public async Task Submitted_body_is_the_input_with_its_defaults_and_nothing_else()
    {
        await using var scene = await StartAsync();
        var request = scene.Request(scene.Receiver.Url);
        request["duration"] = 10;
        request["metadata"] = new JsonObject { ["order"] = 7 };
        await scene.EndAsync(await scene.SubmitAsync(request));
        var submitted = Assert.Single(scene.RunComfy.Account.Accepted).Input;
        Assert.Equal(
            ["aspect_ratio", "duration", "elements", "image_urls", "prompt"],
            submitted.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
        Assert.Equal("10", submitted.GetProperty("duration").GetString());
        Assert.Equal("16:9", submitted.GetProperty("aspect_ratio").GetString());
    }

    [Fact]
    public async Task Resource_keeps_metadata_and_hides_queries_of_URLs()
    {
        await using var scene = await StartAsync();
        var request = scene.Request(scene.Receiver.Url);
        request["image_urls"] = new JsonArray(scene.Image("valley.webp") + "?sig=s3cr3t-signature");
        request["metadata"] = new JsonObject { ["order"] = 7 };
        request["prompt"] = "https://@Image1?and=@Element1";
        var job = await scene.EndAsync(await scene.SubmitAsync(request));
        Assert.Equal(7, job.GetProperty("metadata").GetProperty("order").GetInt32());
        Assert.DoesNotContain("s3cr3t", job.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("valley.webp", job.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("https://@Image1?and=@Element1", job.GetProperty("request").GetProperty("prompt").GetString());
        await scene.Host.RunUntilAsync(job.GetProperty("id").GetString()!, _ => scene.Receiver.Received.Count > 0);
        Assert.DoesNotContain("s3cr3t", scene.Receiver.Received[0].Json.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Operation_answers_each_state_with_its_own_status()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment });
        var id = await scene.SubmitAsync();
        var operation = new Uri($"/api/videos/{id}/operation", UriKind.Relative);
        using (var running = await scene.Http.GetAsync(operation))
        {
            Assert.Equal(HttpStatusCode.Accepted, running.StatusCode);
            Assert.Contains($"/api/signed/operations/{id}?until=", running.Headers.Location!.AbsoluteUri, StringComparison.Ordinal);
            Assert.NotNull(running.Headers.RetryAfter);
        }
        await scene.UntilAsync(id, "succeeded");
        using (var done = await scene.Http.GetAsync(operation))
        {
            Assert.Equal(HttpStatusCode.OK, done.StatusCode);
            Assert.Equal("succeeded", Scene.StatusOf(await Scene.JsonOf(done)));
        }

        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { FailsWith = "the model did not like it" };
        var failing = await scene.SubmitAsync();
        await scene.EndAsync(failing);
        using (var failed = await scene.Http.GetAsync(new Uri($"/api/videos/{failing}/operation", UriKind.Relative)))
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, failed.StatusCode);
            Assert.Equal("application/problem+json", failed.Content.Headers.ContentType!.MediaType);
            var problem = await Scene.JsonOf(failed);
            Assert.Equal("provider_failed", problem.GetProperty("code").GetString());
            Assert.Contains("the model did not like it", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { FailsWith = null, Slots = 0 };
        var unwanted = await scene.SubmitAsync();
        await scene.UntilAsync(unwanted, "in_queue");
        using (await scene.PostAsync($"/api/videos/{unwanted}/cancel")) await scene.UntilAsync(unwanted, "cancelled");
        using var cancelled = await scene.Http.GetAsync(new Uri($"/api/videos/{unwanted}/operation", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Conflict, cancelled.StatusCode);
        Assert.Equal("cancelled", (await Scene.JsonOf(cancelled)).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Same_key_and_body_are_the_same_job_and_another_body_is_refused()
    {
        await using var scene = await StartAsync();
        using var first = await scene.PostAsync("/api/videos", scene.Request(), "order-7");
        using var second = await scene.PostAsync("/api/videos", scene.Request(), "order-7");
        var id = (await Scene.JsonOf(first)).GetProperty("id").GetString()!;
        Assert.Equal(HttpStatusCode.Accepted, second.StatusCode);
        Assert.Equal(id, (await Scene.JsonOf(second)).GetProperty("id").GetString());

        var other = scene.Request();
        other["prompt"] = "@Element1 runs through @Image1";
        using var third = await scene.PostAsync("/api/videos", other, "order-7");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, third.StatusCode);
        Assert.Equal("idempotency_key_reused", (await Scene.JsonOf(third)).GetProperty("code").GetString());

        await scene.EndAsync(id);
        using var late = await scene.PostAsync("/api/videos", scene.Request(), "order-7");
        Assert.Equal(id, (await Scene.JsonOf(late)).GetProperty("id").GetString());
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Hundred_posts_with_one_key_at_once_are_one_job()
    {
        await using var scene = await StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using var answer = await scene.PostAsync("/api/videos", scene.Request(), "order-8");
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            return (await Scene.JsonOf(answer)).GetProperty("id").GetString()!;
        }));
        await scene.EndAsync(Assert.Single(answers.Distinct()));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Faults_of_a_bad_body_all_come_with_pointer_code_and_sentence()
    {
        await using var scene = await StartAsync();
        var request = scene.Request();
        request["prompt"] = "@Element9 and @element1 and @Image1";
        request["durations"] = 5;
        request["aspect_ratio"] = "4:3";
        using var answer = await scene.PostAsync("/api/videos", request);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        var problem = await Scene.JsonOf(answer);
        Assert.Equal("invalid_request", problem.GetProperty("code").GetString());
        var faults = problem.GetProperty("errors").EnumerateArray().Select(e => (e.GetProperty("pointer").GetString(), e.GetProperty("code").GetString())).ToList();
        Assert.Contains(("/prompt", "dangling_reference"), faults);
        Assert.Contains(("/prompt", "misspelt_reference"), faults);
        Assert.Contains(("/durations", "unknown_property"), faults);
        Assert.Contains(("/aspect_ratio", "not_allowed_value"), faults);
        Assert.All(problem.GetProperty("errors").EnumerateArray(), e => Assert.NotEqual("", e.GetProperty("message").GetString()));
        Assert.Equal(0, scene.RunComfy.Account.Calls(ApiCall.Submit));
    }

    [Theory]
    [InlineData("text/plain", "{}", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("application/json", "{", HttpStatusCode.BadRequest)]
    [InlineData("application/json", "", HttpStatusCode.BadRequest)]
    [InlineData("application/json", "[]", HttpStatusCode.BadRequest)]
    public async Task Body_that_is_not_a_JSON_object_is_refused(string type, string body, HttpStatusCode status)
    {
        await using var scene = await StartAsync();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, type);
        using var answer = await scene.Http.PostAsync(new Uri("/api/videos", UriKind.Relative), content);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task Body_beyond_the_limit_is_refused()
    {
        await using var scene = await StartAsync();
        var request = scene.Request();
        request["prompt"] = new string('x', 300 * 1024);
        using var answer = await scene.PostAsync("/api/videos", request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task Missing_image_fails_the_job_unpaid_and_resume_checks_again()
    {
        await using var scene = await StartAsync();
        var request = scene.Request();
        request["image_urls"] = new JsonArray(scene.Image("nowhere.png"));
        var id = await scene.SubmitAsync(request);
        Assert.Equal("image_unreachable", await scene.FailureAsync(id));
        var detail = (await scene.GetAsync(id)).GetProperty("error").GetProperty("details")[0];
        Assert.Equal("/image_urls/0", detail.GetProperty("pointer").GetString());

        using var resumed = await scene.PostAsync($"/api/videos/{id}/resume");
        Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        Assert.Equal("image_unreachable", await scene.FailureAsync(id));
        Assert.Equal(0, scene.RunComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Validate_makes_all_checks_and_pays_nothing()
    {
        await using var scene = await StartAsync();
        using (var good = await scene.PostAsync("/api/videos/validate", scene.Request()))
        {
            Assert.Equal(HttpStatusCode.OK, good.StatusCode);
            Assert.Empty((await Scene.JsonOf(good)).GetProperty("warnings").EnumerateArray());
        }
        var odd = scene.Request();
        odd["prompt"] = "A walk through @Image1";
        using (var warned = await scene.PostAsync("/api/videos/validate", odd))
        {
            Assert.Equal(HttpStatusCode.OK, warned.StatusCode);
            Assert.Equal("unused_reference", (await Scene.JsonOf(warned)).GetProperty("warnings")[0].GetProperty("code").GetString());
        }
        var bad = scene.Request();
        bad["image_urls"] = new JsonArray(scene.Image("nowhere.png"));
        using (var refused = await scene.PostAsync("/api/videos/validate", bad))
        {
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal("image_unreachable", (await Scene.JsonOf(refused)).GetProperty("code").GetString());
        }
        Assert.Equal(0, scene.RunComfy.Account.Calls(ApiCall.Submit));
        using var list = await scene.Http.GetAsync(new Uri("/api/videos", UriKind.Relative));
        Assert.Empty((await Scene.JsonOf(list)).GetProperty("videos").EnumerateArray());
    }

    [Fact]
    public async Task Unknown_id_is_404_on_every_route()
    {
        await using var scene = await StartAsync();
        foreach (var path in new[] { "", "/operation", "/content" })
        {
            using var answer = await scene.Http.GetAsync(new Uri($"/api/videos/nobody{path}", UriKind.Relative));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
        foreach (var path in new[] { "/cancel", "/resume", "/redeliver" })
        {
            using var answer = await scene.PostAsync($"/api/videos/nobody{path}");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Queued_job_is_cancelled_at_the_provider_and_notified()
    {
        await using var scene = await StartAsync(new() { Slots = 0 });
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await scene.UntilAsync(id, "in_queue");
        using (var cancellationToken = await scene.PostAsync($"/api/videos/{id}/cancel")) Assert.Equal(HttpStatusCode.Accepted, cancellationToken.StatusCode);
        await scene.UntilAsync(id, "cancelled");
        Assert.Equal("cancelled", Assert.Single(scene.RunComfy.Account.Cancellations).Outcome);
        await scene.Host.RunUntilAsync(id, _ => scene.Receiver.Received.Count > 0);
        Assert.Equal("video.cancelled", scene.Receiver.Received[0].Json.GetProperty("type").GetString());
        using var again = await scene.PostAsync($"/api/videos/{id}/cancel");
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
    }

    [Fact]
    public async Task Job_in_progress_is_not_cancelled_continues_and_says_so()
    {
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, NeverFinishes = true });
        var id = await scene.SubmitAsync();
        await scene.UntilAsync(id, "in_progress");
        using (var cancellationToken = await scene.PostAsync($"/api/videos/{id}/cancel")) Assert.Equal(HttpStatusCode.Accepted, cancellationToken.StatusCode);
        await WarnedAsync(scene, id, "cancel_refused");
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { NeverFinishes = false };
        var job = await scene.EndAsync(id);
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal("cancel_refused", Assert.Single(job.GetProperty("warnings").EnumerateArray()).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Refused_token_at_submission_costs_nothing_and_resume_submits()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, Tokens = ["another"] });
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_auth", await scene.FailureAsync(id));
        Assert.Equal(0, scene.RunComfy.Account.AcceptedCount);
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = [] };
        using (var resume = await scene.PostAsync($"/api/videos/{id}/resume")) Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Empty_balance_at_submission_costs_nothing_and_resume_submits()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, BalanceUsd = 0 });
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_balance", await scene.FailureAsync(id));
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { BalanceUsd = 10 };
        using (var resume = await scene.PostAsync($"/api/videos/{id}/resume")) Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Theory]
    [InlineData(FaultKind.Dropped, true)]
    [InlineData(FaultKind.ServerError, true)]
    [InlineData(FaultKind.BadGateway, true)]
    [InlineData(FaultKind.BrokenJson, true)]
    [InlineData(FaultKind.EmptyBody, true)]
    [InlineData(FaultKind.ServerError, false)]
    [InlineData(FaultKind.Unavailable, false)]
    public async Task Submission_with_a_lost_answer_is_in_doubt_and_not_resubmitted(FaultKind kind, bool accepted)
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Submit, kind, Late: accepted));
        var id = await scene.SubmitAsync();
        Assert.Equal("submission_in_doubt", await scene.FailureAsync(id));
        Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
        Assert.Equal(accepted ? 1 : 0, scene.RunComfy.Account.AcceptedCount);

        using var bare = await scene.PostAsync($"/api/videos/{id}/resume");
        Assert.Equal(HttpStatusCode.Conflict, bare.StatusCode);
        Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Job_in_doubt_continues_with_the_found_request_id_and_is_paid_once()
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped, Late: true));
        var id = await scene.SubmitAsync();
        Assert.Equal("submission_in_doubt", await scene.FailureAsync(id));
        using (var mistyped = await scene.PostAsync($"/api/videos/{id}/resume", new JsonObject { ["request_id"] = "no-such-request" }))
            Assert.Equal(HttpStatusCode.BadRequest, mistyped.StatusCode);

        var requestId = Assert.Single(scene.RunComfy.Account.Accepted).RequestId;
        using (var resume = await scene.PostAsync($"/api/videos/{id}/resume", new JsonObject { ["request_id"] = requestId }))
            Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        var job = await scene.UntilAsync(id, "succeeded");
        Assert.Equal(requestId, job.GetProperty("provider").GetProperty("request_id").GetString());
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Job_in_doubt_is_resubmitted_on_request_and_only_once()
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.ServerError));
        var id = await scene.SubmitAsync();
        Assert.Equal("submission_in_doubt", await scene.FailureAsync(id));
        Assert.Single(await AskTogetherAsync(scene, $"/api/videos/{id}/resume", new JsonObject { ["resubmit"] = true }), HttpStatusCode.Accepted);
        await scene.UntilAsync(id, "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Decision_on_a_job_in_doubt_counts_once_across_repeats_and_kills(bool hasIt)
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped, Late: hasIt));
        var id = await scene.SubmitAsync();
        Assert.Equal("submission_in_doubt", await scene.FailureAsync(id));
        await scene.Host.KillAsync();
        var request = hasIt
            ? new JsonObject { ["request_id"] = Assert.Single(scene.RunComfy.Account.Accepted).RequestId }
            : new JsonObject { ["resubmit"] = true };
        Assert.Single(await AskTogetherAsync(scene, $"/api/videos/{id}/resume", request), HttpStatusCode.Accepted);
        // A kill in the POST would leave the job in doubt again.
        await scene.Host.RunToRestAsync();
        await scene.Host.KillAsync();
        await scene.UntilAsync(id, "succeeded");
        using (var late = await scene.PostAsync($"/api/videos/{id}/resume", request.DeepClone())) Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Repeated_and_simultaneous_resumes_pay_once()
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = ["another"] };
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_auth", await scene.FailureAsync(id));
        await scene.Host.KillAsync();
        Assert.Single(await AskTogetherAsync(scene, $"/api/videos/{id}/resume", null), HttpStatusCode.Accepted);
        Assert.Equal("provider_auth", await scene.FailureAsync(id));
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = [] };
        Assert.Single(await AskTogetherAsync(scene, $"/api/videos/{id}/resume", null), HttpStatusCode.Accepted);
        // As above: no kill in the POST.
        await scene.Host.RunToRestAsync();
        await scene.Host.KillAsync();
        await scene.UntilAsync(id, "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Dead_letter_is_redelivered_after_a_restart_under_its_own_id()
    {
        await using var scene = await StartAsync();
        scene.Receiver.Status = 503;
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await NotifiedAsync(scene, id, "dead_letter");
        scene.Receiver.Status = 200;
        await scene.Host.KillAsync();
        Assert.Contains(HttpStatusCode.Accepted, await AskTogetherAsync(scene, $"/api/videos/{id}/redeliver", null));
        await scene.Host.KillAsync();
        await NotifiedAsync(scene, id, "delivered");
        using (var again = await scene.PostAsync($"/api/videos/{id}/redeliver")) Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        await NotifiedAsync(scene, id, "delivered");
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
        Assert.Single(scene.Receiver.Received.Select(r => Convert.ToHexString(r.Body)).Distinct());
    }

    [Fact]
    public async Task Submission_with_a_lost_answer_is_resubmitted_if_the_setting_says_so()
    {
        await using var scene = await StartAsync(null, ("Submission:WhenInDoubt", "resubmit"));
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.ServerError));
        await scene.UntilAsync(await scene.SubmitAsync(), "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        Assert.Equal(2, scene.RunComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Rate_limit_at_submission_is_waited_out()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, RetryAfter = TimeSpan.FromSeconds(1) });
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.TooManyRequests, Times: 2));
        await scene.UntilAsync(await scene.SubmitAsync(), "succeeded");
        Assert.Equal(3, scene.RunComfy.Account.Calls(ApiCall.Submit));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Theory]
    [InlineData(FaultKind.Dropped)]
    [InlineData(FaultKind.Truncated)]
    [InlineData(FaultKind.RequestTimeout)]
    [InlineData(FaultKind.TooManyRequests)]
    [InlineData(FaultKind.ServerError)]
    [InlineData(FaultKind.BadGateway)]
    [InlineData(FaultKind.ErrorInOk)]
    [InlineData(FaultKind.BrokenJson)]
    [InlineData(FaultKind.EmptyBody)]
    [InlineData(FaultKind.HtmlPage)]
    [InlineData(FaultKind.UnknownStatus)]
    [InlineData(FaultKind.BadToken)]
    [InlineData(FaultKind.NoBalance)]
    public async Task Temporary_fault_of_a_poll_never_fails_a_paid_job(FaultKind kind)
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Status, kind, Times: 3));
        scene.RunComfy.Inject(new(ApiCall.Result, kind is FaultKind.UnknownStatus ? FaultKind.BadGateway : kind, Times: 2));
        await scene.UntilAsync(await scene.SubmitAsync(), "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Token_refused_after_submission_is_reported_and_waited_out()
    {
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = TimeSpan.Zero, NeverFinishes = true });
        var id = await scene.SubmitAsync();
        await scene.UntilAsync(id, "in_progress");
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = ["another"] };
        await WarnedAsync(scene, id, "provider_auth");
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Tokens = [], NeverFinishes = false };
        var job = await scene.UntilAsync(id, "succeeded");
        Assert.Empty(job.GetProperty("warnings").EnumerateArray());
    }

    [Theory]
    [InlineData(FailureShape.Text, false)]
    [InlineData(FailureShape.Fields, false)]
    [InlineData(FailureShape.List, true)]
    public async Task Failed_generation_fails_the_job_with_the_providers_message(FailureShape shape, bool onStatus)
    {
        await using var scene = await StartAsync(new()
        {
            QueueTime = Moment,
            RunTime = Moment,
            FailsWith = "unsafe content",
            FailureShape = shape,
            FailureOnStatus = onStatus,
        });
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_failed", await scene.FailureAsync(id));
        var job = await scene.GetAsync(id);
        Assert.Contains("unsafe content", job.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.False(job.GetProperty("links").TryGetProperty("resume", out _));
        using var resume = await scene.PostAsync($"/api/videos/{id}/resume");
        Assert.Equal(HttpStatusCode.Conflict, resume.StatusCode);
    }

    [Fact]
    public async Task Input_refused_by_the_provider_fails_the_job_unpaid()
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.ErrorInOk));
        var id = await scene.SubmitAsync();
        var code = await scene.FailureAsync(id);
        Assert.True(code is "provider_rejected" or "submission_in_doubt", code);
        Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Request_unknown_to_the_provider_ends_the_job()
    {
        await using var scene = await StartAsync(new() { NeverFinishes = true, QueueTime = TimeSpan.Zero, RequestLifetime = TimeSpan.FromSeconds(2) });
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_expired", await scene.FailureAsync(id));
    }

    [Fact]
    public async Task Job_unfinished_at_its_deadline_fails_and_resume_watches_on()
    {
        await using var scene = await StartAsync(
            new() { QueueTime = TimeSpan.Zero, NeverFinishes = true }, ("Pipeline:Deadline", "00:00:04"));
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_timeout", await scene.FailureAsync(id));
        Assert.True((await scene.GetAsync(id)).GetProperty("provider").TryGetProperty("request_id", out _));
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { NeverFinishes = false, RunTime = Moment };
        using (var resume = await scene.PostAsync($"/api/videos/{id}/resume")) Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Request_still_queued_at_the_deadline_is_cancelled()
    {
        await using var scene = await StartAsync(new() { Slots = 0 }, ("Pipeline:Deadline", "00:00:04"));
        var id = await scene.SubmitAsync();
        Assert.Equal("provider_timeout", await scene.FailureAsync(id));
        Assert.Equal("cancelled", Assert.Single(scene.RunComfy.Account.Cancellations).Outcome);
    }

    [Theory]
    [InlineData(OutputKeys.Videos, 1, new[] { "videos-1" })]
    [InlineData(OutputKeys.Videos, 2, new[] { "videos-1", "videos-2" })]
    [InlineData(OutputKeys.Video | OutputKeys.Image, 1, new[] { "video", "image" })]
    public async Task Every_file_in_the_output_is_stored(OutputKeys keys, int count, string[] names)
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, Outputs = keys, OutputCount = count });
        var id = await scene.SubmitAsync();
        var job = await scene.UntilAsync(id, "succeeded");
        Assert.Equal(names, job.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));
        Assert.Equal(names[0], job.GetProperty("video").GetProperty("name").GetString());
        foreach (var output in job.GetProperty("outputs").EnumerateArray())
        {
            var bytes = await scene.Http.GetByteArrayAsync(new Uri(output.GetProperty("url").GetString()!));
            Assert.Equal(output.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
    }

    [Fact]
    public async Task Success_without_a_video_can_be_resumed_once_there_is_one()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, Outputs = OutputKeys.None });
        var id = await scene.SubmitAsync();
        Assert.Equal("video_missing", await scene.FailureAsync(id));
        scene.RunComfy.Behaviour = scene.RunComfy.Behaviour with { Outputs = OutputKeys.Video };
        using (var resume = await scene.PostAsync($"/api/videos/{id}/resume")) Assert.Equal(HttpStatusCode.Accepted, resume.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
    }

    [Fact]
    public async Task Interrupted_download_is_continued()
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Download, FaultKind.Truncated, Times: 3));
        var id = await scene.SubmitAsync();
        var job = await scene.UntilAsync(id, "succeeded");
        var bytes = await scene.Http.GetByteArrayAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative));
        Assert.Equal(job.GetProperty("video").GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        Assert.Equal(0, scene.RunComfy.Account.DownloadsWithToken);
    }

    [Fact]
    public async Task HTML_page_in_place_of_a_video_is_not_stored()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, FileContent = FileContent.Html });
        Assert.Equal("video_invalid", await scene.FailureAsync(await scene.SubmitAsync()));
    }

    [Fact]
    public async Task Video_past_the_size_cap_is_not_stored()
    {
        await using var scene = await StartAsync(null, ("Storage:MaxVideoBytes", "1000"));
        Assert.Equal("video_too_large", await scene.FailureAsync(await scene.SubmitAsync()));
    }

    [Fact]
    public async Task Video_on_a_host_that_is_not_allowed_is_not_fetched()
    {
        await using var scene = await StartAsync(new() { QueueTime = Moment, RunTime = Moment, FilesBase = new("https://files.example.com") });
        Assert.Equal("video_host_refused", await scene.FailureAsync(await scene.SubmitAsync()));
    }

    [Fact]
    public async Task Content_is_served_in_ranges_once_the_video_is_stored()
    {
        await using var scene = await StartAsync();
        var id = await scene.SubmitAsync();
        var content = new Uri($"/api/videos/{id}/content", UriKind.Relative);
        using (var early = await scene.Http.GetAsync(content)) Assert.Equal(HttpStatusCode.Conflict, early.StatusCode);
        await scene.UntilAsync(id, "succeeded");
        var whole = await scene.Http.GetByteArrayAsync(content);
        using var request = new HttpRequestMessage(HttpMethod.Get, content) { Headers = { Range = new(4, 7) } };
        using var part = await scene.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(whole[4..8], await part.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Webhook_is_retried_with_the_same_id_and_body_until_delivered()
    {
        await using var scene = await StartAsync();
        scene.Receiver.Answer(500);
        scene.Receiver.Answer(302);
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        var job = await NotifiedAsync(scene, id, "delivered");
        Assert.Equal(3, job.GetProperty("notifications")[0].GetProperty("attempts").GetInt32());
        Assert.Equal(3, scene.Receiver.Received.Count);
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
        Assert.Single(scene.Receiver.Received.Select(r => Convert.ToHexString(r.Body)).Distinct());
    }

    [Fact]
    public async Task Undelivered_webhook_becomes_a_dead_letter_and_can_be_redelivered()
    {
        await using var scene = await StartAsync();
        scene.Receiver.Status = 503;
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await NotifiedAsync(scene, id, "dead_letter");
        Assert.Equal(10, scene.Receiver.Received.Count);
        var letter = Assert.Single(await DeadLettersAsync(scene));
        Assert.Equal((id, new Uri(scene.Receiver.Url).Authority), (letter.GetProperty("job").GetString(), letter.GetProperty("receiver").GetString()));
        Assert.Contains("503", letter.GetProperty("reason").GetString(), StringComparison.Ordinal);

        scene.Receiver.Status = 200;
        using (var redeliver = await scene.PostAsync($"/api/videos/{id}/redeliver")) Assert.Equal(HttpStatusCode.Accepted, redeliver.StatusCode);
        await NotifiedAsync(scene, id, "delivered");
        Assert.Empty(await DeadLettersAsync(scene));
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
    }

    [Fact]
    public async Task Delivery_schedule_may_begin_with_a_wait()
    {
        await using var scene = await StartAsync(null, ("Webhooks:Schedule:0", "00:00:02"));
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        var ended = (await scene.EndAsync(id)).GetProperty("updated_at").GetDateTimeOffset();
        await NotifiedAsync(scene, id, "delivered");
        // The header has whole seconds, and so have the delays of Azure's queues: a Durable timer may fire almost a second early.
        var sent = DateTimeOffset.FromUnixTimeSeconds(long.Parse(Assert.Single(scene.Receiver.Received).Timestamp, CultureInfo.InvariantCulture));
        Assert.True(sent > ended, $"The webhook was sent at {sent:O}, the job ended at {ended:O}.");
    }

    [Fact]
    public async Task Status_410_stops_delivery()
    {
        await using var scene = await StartAsync();
        scene.Receiver.Status = 410;
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await NotifiedAsync(scene, id, "gone");
        Assert.Single(scene.Receiver.Received);
    }

    [Fact]
    public async Task Job_is_finished_while_its_webhook_still_waits()
    {
        await using var scene = await StartAsync(null, ("Webhooks:Schedule:0", "00:00:00"), ("Webhooks:Schedule:1", "01:00:00"));
        scene.Receiver.Status = 500;
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        var job = await scene.Host.RunUntilAsync(id, j => Scene.StatusOf(j) == "succeeded" && scene.Receiver.Received.Count == 1);
        Assert.Equal("pending", job.GetProperty("notifications")[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task Redelivery_without_a_receiver_is_refused()
    {
        await using var scene = await StartAsync();
        var id = await scene.SubmitAsync();
        await scene.EndAsync(id);
        using var answer = await scene.PostAsync($"/api/videos/{id}/redeliver");
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
    }

    [Fact]
    public async Task Subscription_is_notified_of_every_job_until_it_is_deleted()
    {
        await using var scene = await StartAsync();
        using var made = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url, ["events"] = new JsonArray("video.succeeded") });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.DoesNotContain("s3cr3t", await made.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var id = await scene.SubmitAsync();
        await NotifiedAsync(scene, id, "delivered");
        Assert.Single(scene.Receiver.Received);

        var subscription = new Uri($"/api/subscriptions/{(await Scene.JsonOf(made)).GetProperty("id").GetString()}", UriKind.Relative);
        using (var deleted = await scene.Http.DeleteAsync(subscription)) Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using (var twice = await scene.Http.DeleteAsync(subscription)) Assert.Equal(HttpStatusCode.NotFound, twice.StatusCode);
        // The link of a deleted subscription is answered like an invalid one.
        using (var gone = await scene.Http.DeleteAsync(made.Headers.Location)) Assert.Equal(HttpStatusCode.Unauthorized, gone.StatusCode);
        await scene.EndAsync(await scene.SubmitAsync());
        await scene.Host.RunToRestAsync();
        Assert.Single(scene.Receiver.Received);
    }

    [Fact]
    public async Task Same_URL_and_events_again_is_the_same_subscription()
    {
        await using var scene = await StartAsync();
        async Task<(HttpStatusCode Status, string Id)> SubscribeAsync(params string[] events)
        {
            using var made = await scene.PostAsync(
                "/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url, ["events"] = new JsonArray([.. events.Select(e => JsonValue.Create(e))]) });
            return (made.StatusCode, (await Scene.JsonOf(made)).GetProperty("id").GetString()!);
        }
        var first = await SubscribeAsync("video.succeeded", "video.failed");
        Assert.Equal(HttpStatusCode.Created, first.Status);
        Assert.Equal((HttpStatusCode.OK, first.Id), await SubscribeAsync("video.failed", "video.succeeded"));
        var other = await SubscribeAsync("video.failed");
        Assert.Equal(HttpStatusCode.Created, other.Status);

        using var answer = await scene.Http.GetAsync(new Uri("/api/subscriptions", UriKind.Relative));
        var list = await Scene.JsonOf(answer);
        Assert.DoesNotContain("s3cr3t", list.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(new[] { first.Id, other.Id }.Order(), list.GetProperty("subscriptions").EnumerateArray().Select(s => s.GetProperty("id").GetString()));
        Assert.All(list.GetProperty("subscriptions").EnumerateArray(), s =>
        {
            Assert.Equal(new Uri(scene.Receiver.Url).GetLeftPart(UriPartial.Authority), s.GetProperty("url").GetString());
            Assert.Equal(JsonValueKind.String, s.GetProperty("created_at").ValueKind);
        });
    }

    [Fact]
    public async Task Subscription_past_the_limit_is_refused_with_the_ids_to_delete()
    {
        await using var scene = await StartAsync();
        var ids = new List<string>();
        for (var n = 0; n < 20; n++)
        {
            using var made = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = $"https://example.com/{n}" });
            ids.Add((await Scene.JsonOf(made)).GetProperty("id").GetString()!);
        }
        using var refused = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = "https://example.com/20" });
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        var detail = (await Scene.JsonOf(refused)).GetProperty("detail").GetString()!;
        Assert.All(ids, id => Assert.Contains(id, detail, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Status_410_ends_a_subscription()
    {
        await using var scene = await StartAsync();
        scene.Receiver.Status = 410;
        using (var made = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url })) Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        await NotifiedAsync(scene, await scene.SubmitAsync(), "gone");
        using var answer = await scene.Http.GetAsync(new Uri("/api/subscriptions", UriKind.Relative));
        Assert.Empty((await Scene.JsonOf(answer)).GetProperty("subscriptions").EnumerateArray());
        await scene.EndAsync(await scene.SubmitAsync());
        await scene.Host.RunToRestAsync();
        Assert.Single(scene.Receiver.Received);
    }

    [Fact]
    public async Task Redelivery_finds_receivers_that_subscribed_after_the_end()
    {
        await using var scene = await StartAsync();
        var id = await scene.SubmitAsync();
        await scene.EndAsync(id);
        using (var made = await scene.PostAsync("/api/subscriptions", new JsonObject { ["url"] = scene.Receiver.Url })) Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using (var again = await scene.PostAsync($"/api/videos/{id}/redeliver"))
        {
            Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
            Assert.Equal("succeeded", Scene.StatusOf(await Scene.JsonOf(again)));
        }
        await NotifiedAsync(scene, id, "delivered");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        using var content = await scene.Http.GetAsync(new Uri($"/api/videos/{id}/content", UriKind.Relative));
        Assert.NotEqual(HttpStatusCode.Conflict, content.StatusCode);
    }

    [Theory]
    [InlineData("""{"url": "http://example.com/hook"}""", "/url")]
    [InlineData("""{"url": "https://example.com/hook", "events": ["video.exploded"]}""", "/events/0")]
    [InlineData("""{}""", "/url")]
    public async Task Bad_subscription_is_refused(string body, string pointer)
    {
        await using var scene = await StartAsync();
        using var answer = await scene.PostAsync("/api/subscriptions", JsonNode.Parse(body));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(pointer, (await Scene.JsonOf(answer)).GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task Jobs_are_found_and_counted_by_time_and_metadata()
    {
        await using var scene = await StartAsync();
        var ids = new List<string>();
        foreach (var metadata in new[] { """{"order": 7, "shop": "north"}""", """{"order": "7"}""", """{"order": 8, "shop": "north"}""" })
        {
            var request = scene.Request();
            request["metadata"] = JsonNode.Parse(metadata);
            ids.Add(await scene.SubmitAsync(request));
            await scene.UntilAsync(ids[^1], "succeeded");
        }
        var created = (await scene.GetAsync(ids[1])).GetProperty("created_at").GetString()!;
        foreach (var (filter, found) in new (string, string[])[]
        {
            ("metadata.shop=north", [ids[2], ids[0]]),
            ("metadata.order=7", [ids[1], ids[0]]),
            ("metadata.order=8&metadata.shop=north", [ids[2]]),
            ("metadata.shop=south", []),
            ($"created_after={Uri.EscapeDataString(created)}&metadata.order=7", [ids[1]]),
            ($"created_before={Uri.EscapeDataString(created)}", [ids[0]]),
        })
        {
            using var list = await scene.Http.GetAsync(new Uri($"/api/videos?{filter}", UriKind.Relative));
            Assert.Equal(found, (await Scene.JsonOf(list)).GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!));
            using var counts = await scene.Http.GetAsync(new Uri($"/api/videos/counts?{filter}", UriKind.Relative));
            var counted = await Scene.JsonOf(counts);
            Assert.Equal((found.Length, found.Length), (counted.GetProperty("total").GetInt32(), counted.GetProperty("counts").GetProperty("succeeded").GetInt32()));
        }
    }

    [Fact]
    public async Task List_is_paged_newest_first_and_filtered_by_status()
    {
        await using var scene = await StartAsync();
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            ids.Insert(0, await scene.SubmitAsync());
            await scene.EndAsync(ids[0]);
        }
        var request = scene.Request();
        request["image_urls"] = new JsonArray(scene.Image("nowhere.png"));
        var failed = await scene.SubmitAsync(request);
        await scene.EndAsync(failed);

        var listed = new List<string>();
        string? cursor = null;
        do
        {
            using var answer = await scene.Http.GetAsync(new Uri($"/api/videos?limit=2&status=succeeded{(cursor is null ? "" : $"&cursor={cursor}")}", UriKind.Relative));
            var page = await Scene.JsonOf(answer);
            listed.AddRange(page.GetProperty("videos").EnumerateArray().Select(v => v.GetProperty("id").GetString()!));
            cursor = page.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);
        Assert.Equal(ids, listed);
        using var others = await scene.Http.GetAsync(new Uri("/api/videos?status=failed", UriKind.Relative));
        Assert.Equal(failed, Assert.Single((await Scene.JsonOf(others)).GetProperty("videos").EnumerateArray()).GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("status=done")]
    [InlineData("limit=0")]
    [InlineData("limit=many")]
    [InlineData("cursor=nonsense")]
    public async Task Bad_query_is_refused(string query)
    {
        await using var scene = await StartAsync();
        using var answer = await scene.Http.GetAsync(new Uri($"/api/videos?{query}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task In_flight_cap_holds_and_each_job_gets_its_turn()
    {
        var runTime = TimeSpan.FromSeconds(4);
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.Zero, RunTime = runTime, Slots = 100 }, ("Pipeline:MaxInFlight", "2"));
        var ids = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => scene.SubmitAsync()));
        foreach (var id in ids) await scene.UntilAsync(id, "succeeded");
        var accepted = scene.RunComfy.Account.Accepted;
        Assert.Equal(6, accepted.Count);
        Assert.All(accepted, one => Assert.InRange(accepted.Count(other => other.At <= one.At && one.At < other.At + runTime), 1, 2));
    }

    [Fact]
    public async Task Request_past_the_daily_cap_gets_429_with_Retry_After()
    {
        await using var scene = await StartAsync(null, ("Pipeline:MaxJobsPerDay", "2"));
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
        {
            using var answer = await scene.PostAsync("/api/videos", scene.Request());
            return (answer.StatusCode, answer.Headers.RetryAfter?.Delta);
        }));
        Assert.Equal(2, answers.Count(a => a.StatusCode is HttpStatusCode.Accepted));
        Assert.All(answers.Where(a => a.StatusCode is not HttpStatusCode.Accepted), a =>
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, a.StatusCode);
            Assert.InRange(a.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
        });
    }

    [Fact]
    public async Task Job_killed_over_and_over_continues_and_is_paid_once()
    {
        await using var scene = await StartAsync(new() { QueueTime = TimeSpan.FromSeconds(1), RunTime = TimeSpan.FromSeconds(1) });
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        string[] way = ["accepted", "validating", "submitting", "in_queue", "in_progress", "storing", "succeeded"];
        foreach (var status in new[] { "in_queue", "in_progress", "succeeded" })
        {
            // In real time, a start may take longer than a state lasts.
            await scene.Host.RunUntilAsync(id, job => Array.IndexOf(way, Scene.StatusOf(job)) >= Array.IndexOf(way, status));
            await scene.Host.KillAsync();
        }
        await NotifiedAsync(scene, id, "delivered");
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
    }

    [Fact]
    public async Task Kill_during_the_paid_POST_leaves_the_job_in_doubt_not_resubmitted()
    {
        await using var scene = await StartAsync();
        scene.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Hang, Late: true));
        var id = await scene.SubmitAsync();
        while (scene.RunComfy.Account.AcceptedCount == 0) await Task.Delay(5);
        await scene.Host.KillAsync();
        Assert.Equal("submission_in_doubt", await scene.FailureAsync(id));
        Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
    }

    [Fact]
    public async Task Health_and_the_API_document_are_served()
    {
        await using var scene = await StartAsync();
        using var health = await scene.Http.GetAsync(new Uri("/api/health", UriKind.Relative));
        Assert.Equal("healthy", (await Scene.JsonOf(health)).GetProperty("status").GetString());
        using var openApi = await scene.Http.GetAsync(new Uri("/api/openapi.json", UriKind.Relative));
        Assert.StartsWith("3.1", (await Scene.JsonOf(openApi)).GetProperty("openapi").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Readiness_says_that_jobs_can_be_accepted()
    {
        await using var scene = await StartAsync();
        using var ready = await scene.Http.GetAsync(new Uri("/api/health/ready", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.Equal("ready", (await Scene.JsonOf(ready)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task HEAD_answers_as_GET_does_without_a_body()
    {
        await using var scene = await StartAsync();
        var id = await scene.SubmitAsync();
        await scene.EndAsync(id);
        string[] routes = ["/api/videos", $"/api/videos/{id}", $"/api/videos/{id}/operation", "/api/videos/no-such-job", "/api/health", "/api/health/ready", "/api/openapi.json"];
        foreach (var route in routes)
        {
            using var get = await scene.Http.GetAsync(new Uri(route, UriKind.Relative));
            using var request = new HttpRequestMessage(HttpMethod.Head, route);
            using var head = await scene.Http.SendAsync(request);
            Assert.Equal((route, get.StatusCode, get.Content.Headers.ContentType), (route, head.StatusCode, head.Content.Headers.ContentType));
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory]
    [InlineData("PUT", "/api/videos", "GET, HEAD, POST")]
    [InlineData("DELETE", "/api/videos/a-job", "GET, HEAD")]
    [InlineData("GET", "/api/videos/a-job/cancel", "POST")]
    [InlineData("POST", "/api/health", "GET, HEAD")]
    public async Task Wrong_method_is_answered_with_the_allowed_ones(string method, string route, string allowed)
    {
        await using var scene = await StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), route);
        using var answer = await scene.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow.Order(StringComparer.Ordinal)));
        Assert.Equal("method_not_allowed", (await Scene.JsonOf(answer)).GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("/api")]
    [InlineData("/api/video")]
    [InlineData("/api/videos/a-job/contents")]
    [InlineData("/api/health/live.json")]
    public async Task Unknown_route_is_answered_with_a_problem(string route)
    {
        await using var scene = await StartAsync();
        using var answer = await scene.Http.GetAsync(new Uri(route, UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal("not_found", (await Scene.JsonOf(answer)).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Links_begin_with_the_address_of_the_request_that_reads_them()
    {
        await using var scene = await StartAsync();
        var address = scene.Http.BaseAddress!;
        var otherName = address.Host is "localhost" ? "127.0.0.1" : "localhost";
        using var order = new HttpRequestMessage(HttpMethod.Post, "/api/videos")
        {
            Headers = { Host = $"{otherName}:{address.Port}" },
            Content = JsonContent.Create(scene.Request()),
        };
        using var accepted = await scene.Http.SendAsync(order);
        Assert.Equal(otherName, accepted.Headers.Location!.Host);
        var id = (await Scene.JsonOf(accepted)).GetProperty("id").GetString()!;
        var job = await scene.EndAsync(id);
        Assert.StartsWith(address.AbsoluteUri, job.GetProperty("links").GetProperty("self").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_in_webhooks_begin_with_the_configured_public_address()
    {
        await using var scene = await StartAsync(null, ("Public:Url", "https://videos.example.com"));
        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        await NotifiedAsync(scene, id, "delivered");
        var links = scene.Receiver.Received[0].Json.GetProperty("data").GetProperty("links");
        Assert.Equal($"https://videos.example.com/api/videos/{id}", links.GetProperty("self").GetString());
    }

    /// <summary>Sends the same request eight times simultaneously. Each call must succeed or get a conflict.</summary>
    private static async Task<HttpStatusCode[]> AskTogetherAsync(Scene scene, string path, JsonObject? body)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            using var answer = await scene.PostAsync(path, body?.DeepClone());
            return answer.StatusCode;
        }));
        Assert.All(answers, s => Assert.True(s is HttpStatusCode.Accepted or HttpStatusCode.Conflict));
        return answers;
    }

    private static Task<JsonElement> WarnedAsync(Scene scene, string id, string code) => scene.Host.RunUntilAsync(
        id, j => j.GetProperty("warnings").EnumerateArray().Any(w => w.GetProperty("code").GetString() == code));

    private static async Task<IReadOnlyList<JsonElement>> DeadLettersAsync(Scene scene)
    {
        using var answer = await scene.Http.GetAsync(new Uri("/api/dead-letters", UriKind.Relative));
        return [.. (await Scene.JsonOf(answer)).GetProperty("dead_letters").EnumerateArray()];
    }

    private static Task<JsonElement> NotifiedAsync(Scene scene, string id, string state) => scene.Host.RunUntilAsync(
        id, j => j.GetProperty("notifications").EnumerateArray().Any(n => n.GetProperty("state").GetString() == state));
}
