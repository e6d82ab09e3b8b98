namespace KlingFunctions.Pipeline.Workflow;

/// <summary>How the run of a workflow stands, as its engine sees it.</summary>
public enum RunState
{
    /// <summary>It runs, or waits.</summary>
    Running,

    /// <summary>It returned.</summary>
    Completed,

    /// <summary>It threw, or was ended from outside.</summary>
    Broken,
}
