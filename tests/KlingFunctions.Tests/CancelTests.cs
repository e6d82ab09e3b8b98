using System.Text.Json.Nodes;
using DurableTask.AzureStorage;
using DurableTask.Core;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Jobs;
using Newtonsoft.Json.Linq;

namespace KlingFunctions.Tests;

/// <summary>Cancelling on Durable's Azure Storage backend, which discards an event for an instance whose start it has not processed.</summary>
public sealed class CancelTests(SharedAzurite azurite)
{
    [Fact]
    public async Task Job_that_has_not_started_yet_is_cancelled()
    {
        await using var stage = await AppScene.RentAsync(azurite, new() { Slots = 0 });
        var started = await stage.Scene.SubmitAsync();
        var late = JobIntake.NewId();
        await ScheduleAsync(late, await InputOfAsync(stage, started), DateTime.UtcNow + TimeSpan.FromSeconds(5));

        using (var answer = await stage.Scene.PostAsync($"/api/videos/{late}/cancel")) answer.EnsureSuccessStatusCode();
        await stage.Scene.UntilAsync(late, "cancelled");

        async Task ScheduleAsync(string id, JsonNode input, DateTime at)
        {
            input["id"] = id;
            var hub = new AzureStorageOrchestrationService(new()
            {
                StorageAccountClientProvider = new(stage.Account),
                TaskHubName = "KlingFunctions",
                PartitionCount = 1,
            });
            await new TaskHubClient(hub).CreateScheduledOrchestrationInstanceAsync(GenerateVideo.Name, "", id, JToken.Parse(input.ToJsonString()), at);
        }
    }

    private static async Task<JsonNode> InputOfAsync(AppScene stage, string id)
    {
        using var answer = await stage.App.Http.GetAsync($"/runtime/webhooks/durabletask/instances/{id}?showInput=true", TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["input"]!;
    }
}
