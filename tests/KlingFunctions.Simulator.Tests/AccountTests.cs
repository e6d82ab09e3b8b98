namespace KlingFunctions.Simulator.Tests;

public class AccountTests
{
    [Fact]
    public async Task Every_accepted_submission_is_recorded_with_input_time_and_price()
    {
        await using var provider = await Provider.Start();
        var first = await provider.Submit();
        provider.Pass(30);
        var second = await provider.Submit(Provider.Input(duration: "10"));
        var accepted = provider.Account.Accepted;
        Assert.Equal([first, second], accepted.Select(submission => submission.RequestId));
        Assert.Equal([0.56m, 1.12m], accepted.Select(submission => submission.PriceUsd));
        Assert.Equal(TimeSpan.FromSeconds(30), accepted[1].At - accepted[0].At);
        Assert.Equal("@Image1 at dusk", accepted[0].Input.GetProperty("prompt").GetString());
        Assert.Equal((2, 1.68m), (provider.Account.AcceptedCount, provider.Account.SpentUsd));
    }

    [Fact]
    public async Task Calls_are_counted_including_refused_ones()
    {
        await using var provider = await Provider.Start();
        var id = await provider.Submit();
        await provider.Post(Provider.Model, "{}");
        await provider.Post(Provider.Model, Provider.Input().ToJsonString(), token: null);
        await provider.Status(id);
        await provider.Status(id);
        await provider.Status("nobody");
        await provider.Result(id);
        Assert.Equal((3, 1), (provider.Account.Calls(ApiCall.Submit), provider.Account.AcceptedCount));
        Assert.Equal((3, 2, 1),
            (provider.Account.Calls(ApiCall.Status), provider.Account.Calls(ApiCall.Status, id), provider.Account.Calls(ApiCall.Result, id)));
    }

    [Fact]
    public async Task Cancellations_are_recorded_with_their_outcomes()
    {
        await using var provider = await Provider.Start(new() { Slots = 1 });
        var running = await provider.Submit();
        var queued = await provider.Submit();
        provider.Pass(2);
        await provider.Cancel(running);
        await provider.Cancel(queued);
        Assert.Equal([(running, "not_cancellable"), (queued, "cancelled")],
            provider.Account.Cancellations.Select(cancellationToken => (cancellationToken.RequestId, cancellationToken.Outcome)));
    }

    [Fact]
    public async Task Balance_for_one_job_accepts_one_of_many_simultaneous_submissions()
    {
        await using var provider = await Provider.Start(new() { BalanceUsd = 5.60m });
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => provider.PostInput()));
        Assert.Equal((10, 5.60m), (provider.Account.AcceptedCount, provider.Account.SpentUsd));
    }
}
