namespace KlingFunctions.Simulator.Tests;

public class AccountTests
{
    [Fact]
    public async Task Every_accepted_submission_is_kept_with_its_input_its_time_and_its_price()
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
    public async Task Calls_are_counted_also_those_that_were_refused()
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
    public async Task Cancels_are_kept_with_their_outcomes()
    {
        await using var provider = await Provider.Start(new() { Slots = 1 });
        var running = await provider.Submit();
        var queued = await provider.Submit();
        provider.Pass(2);
        await provider.Cancel(running);
        await provider.Cancel(queued);
        Assert.Equal([(running, "not_cancellable"), (queued, "cancelled")],
            provider.Account.Cancellations.Select(cancel => (cancel.RequestId, cancel.Outcome)));
    }

    [Fact]
    public async Task Money_for_one_more_is_enough_for_one_more_however_many_ask_at_once()
    {
        await using var provider = await Provider.Start(new() { BalanceUsd = 5.60m });
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => provider.PostInput()));
        Assert.Equal((10, 5.60m), (provider.Account.AcceptedCount, provider.Account.SpentUsd));
    }
}
