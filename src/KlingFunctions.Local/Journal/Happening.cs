namespace KlingFunctions.Local.Journal;

/// <summary>What can happen to a workflow: the kinds of row in its history.</summary>
internal enum HappeningKind
{
    StepCompleted,
    StepFailed,
    TimerFired,
    EventRaised,
    ChildStarted,

    /// <summary>The machine's clock was set back: the workflow's goes with it, and what it waits for comes so much earlier.</summary>
    ClockSetBack,
}

/// <summary>
/// One row of a workflow's history: the order of the rows is the order in which the workflow saw them happen, in every replay.
/// </summary>
/// <param name="Kind">What happened.</param>
/// <param name="Task">To which of the workflow's tasks, numbered in the order in which it asked for them; 0 for an event or the clock.</param>
/// <param name="Name">The step's, the event's or the child's name: a replay that asks for another is refused.</param>
/// <param name="Value">A step's output as JSON, or why it failed.</param>
/// <param name="At">When (UTC).</param>
internal sealed record Happening(HappeningKind Kind, int Task, string Name, string? Value, DateTimeOffset At);
