using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Jobs;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public sealed class ResumeClaimsTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_of_many_callers_gets_the_claim_of_each_run()
    {
        var claims = Open();
        var won = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => claims.TryClaimAsync("vid_1", 1, Ct)));
        Assert.Single(won, isWon => isWon);
        Assert.True(await claims.TryClaimAsync("vid_1", 2, Ct));
    }

    [Fact]
    public async Task Claim_of_a_dead_caller_is_free_after_half_a_minute()
    {
        var claims = Open();
        Assert.True(await claims.TryClaimAsync("vid_1", 1, Ct));
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(await claims.TryClaimAsync("vid_1", 1, Ct));
        _time.Advance(TimeSpan.FromSeconds(1));
        var won = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => claims.TryClaimAsync("vid_1", 1, Ct)));
        Assert.Single(won, isWon => isWon);
    }

    [Fact]
    public async Task Released_claim_is_free_at_once()
    {
        var claims = Open();
        Assert.True(await claims.TryClaimAsync("vid_1", 1, Ct));
        await claims.ReleaseAsync("vid_1", 1, Ct);
        Assert.True(await claims.TryClaimAsync("vid_1", 1, Ct));
    }

    private ResumeClaims Open() => new(new InMemoryDocuments(), _time);
}
