using KlingFunctions.Contracts.Hosts;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Workflow;
using KlingFunctions.Simulator;
using KlingFunctions.Tests.Host;

namespace KlingFunctions.Tests;

/// <summary>The process dies at the end of each step in turn, just before or just after its outcome is written down.</summary>
public sealed class KilledBetweenStepsTests(SharedAzurite azurite)
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(400);

    public static TheoryData<string, StepMoment> Ends => new(
        from step in new[]
        {
            Steps.Validate.Name, Steps.Submit.Name, Steps.Poll.Name, Steps.Store.Name, Steps.FindReceivers.Name, "StartChild", Notify.Deliver.Name,
        }
        from moment in Enum.GetValues<StepMoment>()
        select (step, moment));

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_job_killed_there_goes_on_is_paid_once_and_tells_its_owner(string step, StepMoment moment)
    {
        var runComfy = await SimulatorHost.StartAsync(new() { QueueTime = Moment, RunTime = Moment }, TimeProvider.System, ct: TestContext.Current.CancellationToken);
        var settings = Scene.SettingsFor(runComfy);
        settings["Storage:Blobs"] = settings["AzureWebJobsStorage"] = azurite.NextAccount();
        var host = await App.StartAsync(settings);
        await using var scene = new Scene(new FunctionsHostUnderTest(host), runComfy, await WebhookReceiver.StartAsync());
        var deaths = 0;
        host.Backend.AtStep = (name, at) =>
            name == step && at == moment && Interlocked.Exchange(ref deaths, 1) == 0 ? host.KillAsync() : Task.CompletedTask;

        var id = await scene.SubmitAsync(scene.Request(scene.Receiver.Url));
        var job = await scene.Host.RunUntilAsync(
            id, j => j.GetProperty("notifications").EnumerateArray().Any(n => n.GetProperty("state").GetString() == "delivered"));

        Assert.Equal(1, deaths);
        Assert.Equal("succeeded", Scene.StatusOf(job));
        Assert.Equal(1, scene.RunComfy.Account.AcceptedCount);
        Assert.Equal(1, scene.RunComfy.Account.Calls(ApiCall.Submit));
        Assert.Single(scene.Receiver.Received.Select(r => r.Id).Distinct());
    }
}
