namespace KlingFunctions.Local.Cli;

/// <summary><c>cancel</c>: asks jobs to stop.</summary>
internal sealed class CancelCommand(Terminal terminal)
    : JobsCommand("cancel", "Asks jobs to stop. RunComfy cancels only what is still in its queue.", terminal)
{
    protected override string Accepted(string id, Hints hints) =>
        $"Cancel requested. If RunComfy is already generating, it can't be stopped. Follow it with: {hints.For($"watch {id}")}";
}
