using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Polling;
using KlingFunctions.Pipeline.Tests.RunComfy;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Submitting;

public sealed class SpendCapTests
{
    // Five seconds at 0.1 US dollars are half a dollar.
    private readonly PipelineOptions _options = new() { MaxSpendPerDay = 1m };
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly InMemoryDocuments _documents = new();
    private readonly InMemoryLedger _ledger = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Submission_past_the_cap_waits_unpaid_for_the_next_day()
    {
        var provider = StubHandler.Answering(200, """{"request_id":"req-1"}""");
        for (var i = 1; i <= 2; i++) Assert.Equal(SubmitResult.Accepted, (await SubmitAsync($"vid_{i}", provider)).Result);
        var third = await SubmitAsync("vid_3", provider);
        Assert.Equal((SubmitResult.Retryable, FaultCode.SpendCapReached), (third.Result, third.Error?.Code));
        _time.Advance(TimeSpan.FromHours(12));
        Assert.Equal(SubmitResult.Accepted, (await SubmitAsync("vid_3", provider)).Result);
    }

    [Fact]
    public async Task Nothing_is_submitted_while_the_price_is_unknown()
    {
        var outcome = await SubmitAsync("vid_1", StubHandler.Answering(500, ""), NoPrices.List);
        Assert.Equal((SubmitResult.Retryable, FaultCode.PriceUnknown), (outcome.Result, outcome.Error?.Code));
    }

    [Fact]
    public async Task Refused_submission_gives_its_money_back()
    {
        for (var i = 1; i <= 5; i++)
            Assert.Equal(ErrorCodes.ProviderRejected, (await SubmitAsync($"vid_{i}", StubHandler.Answering(422, """{"message":"no"}"""))).Error?.Code);
        Assert.Equal(SubmitResult.Accepted, (await SubmitAsync("vid_6", StubHandler.Answering(200, """{"request_id":"req-1"}"""))).Result);
    }

    [Fact]
    public async Task Submission_in_doubt_keeps_its_money()
    {
        for (var i = 1; i <= 2; i++)
            Assert.Equal(ErrorCodes.SubmissionInDoubt, (await SubmitAsync($"vid_{i}", StubHandler.Answering(500, ""))).Error?.Code);
        Assert.Equal(FaultCode.SpendCapReached, (await SubmitAsync("vid_3", StubHandler.Answering(500, ""))).Error?.Code);
    }

    private Task<SubmitOutcome> SubmitAsync(string id, StubHandler provider, PriceList? prices = null) => new SubmitStep(
        Clients.On(provider, _time), _ledger, Turns.Of(_options, _documents, _ledger, _time, prices ?? NoPrices.Of(perSecond: 0.1m)), NoUploads.Delivery, Plans.First(_time),
        Options.Create(_options), Options.Create(new SubmissionOptions()), _time, NullLogger<SubmitStep>.Instance)
        .RunAsync(new(id, id, SampleJobs.Request().Input), Cancel);
}
