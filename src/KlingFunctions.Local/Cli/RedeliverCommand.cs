namespace KlingFunctions.Local.Cli;

/// <summary><c>redeliver</c>: sends the webhooks of jobs again.</summary>
internal sealed class RedeliverCommand(Terminal terminal)
    : JobsCommand("redeliver", "Sends the webhooks of jobs again: the undelivered ones, or else all.", terminal)
{
    protected override string Accepted(string id, Hints hints) => $"The webhooks of {id} are being sent again. Follow them with: {hints.For($"status {id}")}";
}
