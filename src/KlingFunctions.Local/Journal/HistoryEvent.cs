namespace KlingFunctions.Local.Journal;

/// <summary>The kinds of event in the history of a workflow.</summary>
internal enum HistoryEventKind
{
    StepCompleted,
    StepFailed,
    TimerFired,
    EventRaised,
    ChildStarted,

    /// <summary>The machine's clock was set back. The workflow's clock follows, and its timers move earlier by the same amount.</summary>
    ClockSetBack,
}

/// <summary>
/// One row of a workflow's history. The order of rows is the order in which the workflow saw them happen, in every replay.
/// </summary>
/// <param name="Kind">The kind of event.</param>
/// <param name="Task">The number of the task that the event completes, counted in the order of the calls; 0 for a raised event or the
/// clock.</param>
/// <param name="Name">The name of the step, event or child. A replay that expects another name fails.</param>
/// <param name="Value">The output of a step as JSON, or its error.</param>
/// <param name="At">The time of the event (UTC).</param>
internal sealed record HistoryEvent(HistoryEventKind Kind, int Task, string Name, string? Value, DateTimeOffset At);
