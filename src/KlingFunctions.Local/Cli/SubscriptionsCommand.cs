using System.CommandLine;
using System.Text.Json;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;
using KlingFunctions.Pipeline.Notifying;

namespace KlingFunctions.Local.Cli;

/// <summary><c>subscriptions</c>: lists, adds and ends the receivers that are notified of every job.</summary>
internal sealed class SubscriptionsCommand : ClientCommand
{
    private const string Route = "/api/subscriptions";

    private readonly Option<string?> _add = new("--add") { Description = "Adds a receiver. The same URL and events again is the same subscription.", HelpName = "URL" };
    private readonly Option<string?> _delete = new("--delete") { Description = "Ends a subscription. Notifications on their way to it are dropped.", HelpName = "ID" };

    private readonly Option<string[]> _events = new("--events")
    {
        Description = "With --add: only these, such as video.failed (default: all that are about jobs).",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    public SubscriptionsCommand(Terminal terminal)
        : base("subscriptions", "Lists the receivers that are notified of every job that ends; --add and --delete change them.", terminal)
    {
        _events.AcceptOnlyFromAmong([.. EventTypes.All]);
        RefuseEmpty(_add, _delete);
        Options.Add(_add);
        Options.Add(_events);
        Options.Add(_delete);
        Validators.Add(given =>
        {
            var adds = given.GetResult(_add) is not null;
            if (adds && given.GetResult(_delete) is not null) given.AddError("Give --add or --delete, not both.");
            if (!adds && given.GetResult(_events) is { Implicit: false }) given.AddError("--events belongs to --add.");
        });
    }

    protected override Task<int> RunAsync(Deployment deployment, CommandOutput commandOutput, ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_delete) is { } id) return DeleteAsync(deployment, commandOutput, id, cancellationToken);
        return parsed.GetValue(_add) is { } url
            ? AddAsync(deployment, commandOutput, new(url, [.. parsed.GetValue(_events)!.Distinct()]), cancellationToken)
            : ListAsync(deployment, commandOutput, cancellationToken);
    }

    private static async Task<int> ListAsync(Deployment deployment, CommandOutput commandOutput, CancellationToken cancellationToken)
    {
        var answer = await deployment.GetAsync(Route, cancellationToken);
        var subscriptions = answer.As<SubscriptionList>().Subscriptions;
        commandOutput.Result(answer, console =>
        {
            foreach (var subscription in subscriptions) console.Fields(subscription.Id, subscription.Url, EventsOf(subscription), JobText.Time(subscription.CreatedAt));
            if (subscriptions.Count == 0) commandOutput.Say("No subscriptions.");
        });
        return ExitCodes.Success;
    }

    private static async Task<int> AddAsync(
        Deployment deployment, CommandOutput commandOutput, SubscriptionRequest wanted, CancellationToken cancellationToken)
    {
        var answer = await deployment.PostAsync(Route, JsonSerializer.SerializeToUtf8Bytes(wanted, PipelineJson.Default.SubscriptionRequest), cancellationToken);
        var subscription = answer.As<SubscriptionResource>();
        commandOutput.Result(answer, console => console.Say(subscription.Id));
        commandOutput.Say($"{subscription.Url} gets {EventsOf(subscription)}. End it with: {commandOutput.Hints.For($"subscriptions --delete {subscription.Id}")}");
        return ExitCodes.Success;
    }

    private static async Task<int> DeleteAsync(Deployment deployment, CommandOutput commandOutput, string id, CancellationToken cancellationToken)
    {
        if (!await deployment.DeleteAsync($"{Route}/{Uri.EscapeDataString(id)}", cancellationToken))
        {
            commandOutput.Say($"There is no subscription '{id}': it may have been ended already. List them with: {commandOutput.Hints.For("subscriptions")}");
            return ExitCodes.BadData;
        }
        commandOutput.Say($"The subscription {id} is ended.");
        return ExitCodes.Success;
    }

    private static string EventsOf(SubscriptionResource subscription) => subscription.Events.Count == 0 ? "all events of jobs" : string.Join(", ", subscription.Events);
}
