using System.Net;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Diagnosis;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Diagnosis;

public sealed class DoctorTests
{
    private const string Secret = "whsec_TUZrd0N6WEpDTkpxV2pYcEpXdE9jRlJ4UVdSVA==";
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Every_check_is_ok()
    {
        var runComfy = RunComfy();
        var checkup = await ExamineAsync(runComfy);
        Assert.Equal(CheckNames.All, checkup.Checks.Select(c => c.Name));
        Assert.All(checkup.Checks, c => Assert.True(c.State is CheckState.Ok, $"{c}"));
        Assert.Equal(CheckState.Ok, checkup.State);
        // Only GETs: none of them is paid.
        Assert.All(runComfy.Seen, seen => Assert.Equal(HttpMethod.Get, seen.Method));
        Assert.Equal(
            ["https://api.runcomfy.net/prod/v2/balance", "https://model-api.runcomfy.net/v1/models/kling/kling-video-o1/image-to-video/reference"],
            runComfy.Seen.Select(s => s.Url.AbsoluteUri).Where(u => !u.Contains("/requests/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(401, "{}")]
    [InlineData(403, "{}")]
    [InlineData(400, """{"error_code":400004,"message":"UserAccountError"}""")]
    public async Task Refused_token_has_failed(int status, string body)
    {
        var check = await CheckAsync(CheckNames.Token, RunComfy(token: (status, body)));
        Assert.Equal(CheckState.Failed, check.State);
        Assert.Contains("set RunComfy:ApiToken", check.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, CheckState.Ok)]
    [InlineData(404, CheckState.Unknown)]
    public async Task Bare_404_proves_the_token_only_if_RunComfy_answers(int others, CheckState state)
    {
        var check = await CheckAsync(CheckNames.Token, RunComfy(token: (404, "<html>"), model: (others, "{}"), balance: (others, "{}")));
        Assert.Equal(state, check.State);
    }

    [Theory]
    [InlineData(404, "")]
    [InlineData(400, """{"error_code":400001,"message":"InvalidResourceIdentifier"}""")]
    public async Task Model_that_is_not_in_the_catalogue_has_failed(int status, string body) =>
        Assert.Equal(CheckState.Failed, (await CheckAsync(CheckNames.Model, RunComfy(model: (status, body)))).State);

    [Theory]
    [InlineData("""{"base_price_usd":0.112,"price_unit":"second"}""", CheckState.Ok, "$0.56 for 5 seconds, $1.12 for 10")]
    [InlineData("""{"base_price_usd":"1.5","price_unit":"video"}""", CheckState.Ok, "$1.50 (video)")]
    [InlineData("""{"base_price_usd":0.2,"price_unit":"per_second"}""", CheckState.Ok, "$1.00 for 5 seconds, $2.00 for 10")]
    [InlineData("""{"base_price_usd":3,"price_unit":"secondary output"}""", CheckState.Ok, "$3.00 (secondary output)")]
    [InlineData("""{"base_price_usd":0.2}""", CheckState.Ok, "$0.20 (for what, it does not say)")]
    [InlineData("""{"model_id":"x"}""", CheckState.Unknown, "names no price")]
    [InlineData("<html>", CheckState.Unknown, "names no price")]
    public async Task Price_is_that_of_the_catalogue(string entry, CheckState state, string said)
    {
        var check = await CheckAsync(CheckNames.Price, RunComfy(model: (200, entry)));
        Assert.Equal(state, check.State);
        Assert.Contains(said, check.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0", CheckState.Failed)]
    [InlineData("0.55", CheckState.Failed)]
    [InlineData("0.56", CheckState.Warning)]
    [InlineData("1.12", CheckState.Ok)]
    [InlineData("null", CheckState.Unknown)]
    public async Task Balance_is_enough_for_a_video_or_not(string usd, CheckState state) =>
        Assert.Equal(state, (await CheckAsync(CheckNames.Balance, RunComfy(balance: (200, $$"""{"balance_usd":{{usd}},"currency":"USD"}""")))).State);

    [Theory]
    [InlineData(200, CheckState.Warning)]
    [InlineData(500, CheckState.Warning)]
    public async Task Price_setting_overrides_the_catalogue(int catalogue, CheckState balance)
    {
        var checkup = await ExamineAsync(
            RunComfy(model: (catalogue, """{"base_price_usd":0.01,"price_unit":"second"}"""), balance: (200, """{"balance_usd":1.5}""")), perSecond: 0.2m);
        var price = checkup.Checks.Single(c => c.Name == CheckNames.Price);
        Assert.Equal((CheckState.Ok, "RunComfy:PricePerSecond says $0.20 a second: $1.00 for 5 seconds, $2.00 for 10."), (price.State, price.Message));
        Assert.Equal(balance, checkup.Checks.Single(c => c.Name == CheckNames.Balance).State);
    }

    [Theory]
    [InlineData(0, CheckState.Ok)]
    [InlineData(-60, CheckState.Ok)]
    [InlineData(61, CheckState.Warning)]
    [InlineData(-301, CheckState.Failed)]
    public async Task Clock_is_compared_with_the_date_of_the_answers(int ahead, CheckState state) =>
        Assert.Equal(state, (await CheckAsync(CheckNames.Clock, RunComfy(date: Now.AddSeconds(-ahead)))).State);

    [Fact]
    public async Task Unreachable_provider_is_unknown_and_not_failed()
    {
        var checkup = await ExamineAsync(new StubHandler(_ => throw new HttpRequestException(HttpRequestError.ConnectionError)));
        Assert.All(checkup.Checks.Take(5), c => Assert.Equal(CheckState.Unknown, c.State));
        Assert.Equal(CheckState.Unknown, checkup.State);
    }

    [Fact]
    public async Task Provider_that_never_answers_does_not_hang_the_checkup()
    {
        var time = new FakeTimeProvider(Now);
        var examining = ExamineAsync(new SilentHandler(), time: time);
        time.Advance(TimeSpan.FromSeconds(15));
        var checkup = await examining;
        Assert.All(checkup.Checks.Take(5), c => Assert.Equal((CheckState.Unknown, "There was no answer within 15 seconds."), (c.State, c.Message)));
    }

    [Fact]
    public async Task Unavailable_store_has_failed()
    {
        var check = (await ExamineAsync(RunComfy(), documents: new AwayDocuments())).Checks.Single(c => c.Name == CheckNames.Store);
        Assert.Equal(CheckState.Failed, check.State);
        Assert.DoesNotContain("disk 7", check.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Checkup_leaves_nothing_in_the_store()
    {
        var documents = new InMemoryDocuments();
        await ExamineAsync(RunComfy(), documents: documents);
        Assert.Empty(await documents.ListAsync("ledger/", TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Public_address_of_another_server_is_a_warning()
    {
        await using var elsewhere = await LoopbackHost.StartAsync(http => { http.Response.StatusCode = 404; return Task.CompletedTask; }, TestContext.Current.CancellationToken);
        var check = (await ExamineAsync(RunComfy(), url: elsewhere.Url)).Checks.Single(c => c.Name == CheckNames.PublicAddress);
        Assert.Equal(CheckState.Warning, check.State);
        Assert.StartsWith($"{elsewhere.Url} answers HTTP 404.", check.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_webhook_secret_is_a_warning() =>
        Assert.Equal(CheckState.Warning, (await ExamineAsync(RunComfy(), secret: null)).Checks.Single(c => c.Name == CheckNames.WebhookSecret).State);

    private static async Task<Check> CheckAsync(string name, StubHandler runComfy) => (await ExamineAsync(runComfy)).Checks.Single(c => c.Name == name);

    private static async Task<Checkup> ExamineAsync(
        HttpMessageHandler runComfy, string? url = null, string? secret = Secret, IDocuments? documents = null, FakeTimeProvider? time = null, decimal? perSecond = null)
    {
        time ??= new FakeTimeProvider(Now);
        using var client = new GuardedClient(Options.Create(new NetworkOptions { AllowLoopback = true }));
        var doctor = new Doctor(
            new(Clients.On(runComfy, time), Options.Create(new RunComfyOptions { PricePerSecond = perSecond }), time),
            new(documents ?? new InMemoryDocuments(), new InMemoryVideoStore(), new FakeJobs(), NullLogger<StoreCheck>.Instance),
            new(client, Options.Create(new PublicOptions { Url = url })),
            Options.Create(new WebhookOptions { Secret = secret }), time);
        return await doctor.ExamineAsync(TestContext.Current.CancellationToken);
    }

    private static StubHandler RunComfy(
        (int, string)? token = null, (int, string)? model = null, (int, string)? balance = null, DateTimeOffset? date = null) => new(request =>
    {
        var (status, body) = request.RequestUri!.AbsolutePath switch
        {
            "/prod/v2/balance" => balance ?? (200, """{"balance_usd":12.5,"balance_microdollars":12500000,"currency":"USD"}"""),
            var path when path.StartsWith("/v1/models/", StringComparison.Ordinal) => model ?? (200, """{"base_price_usd":0.112,"price_unit":"second"}"""),
            _ => token ?? (404, """{"error_code":404001,"message":"ResourceNotFound"}"""),
        };
        return new((HttpStatusCode)status) { Content = new StringContent(body), Headers = { Date = date ?? Now } };
    });

    private sealed class SilentHandler : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            throw new InvalidOperationException("That was for ever.");
        }
    }

    private sealed class AwayDocuments : IDocuments
    {
        public Task<Document?> ReadAsync(string name, CancellationToken cancellationToken) => throw new IOException("disk 7");

        public Task<string?> TryWriteAsync(string name, string text, string? version, CancellationToken cancellationToken) => throw new IOException("disk 7");

        public Task<bool> DeleteAsync(string name, string? version, CancellationToken cancellationToken) => throw new IOException("disk 7");

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => throw new IOException("disk 7");
    }
}
