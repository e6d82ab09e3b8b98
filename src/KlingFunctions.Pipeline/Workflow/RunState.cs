namespace KlingFunctions.Pipeline.Workflow;

/// <summary>The state of a workflow's run in its engine.</summary>
public enum RunState
{
    /// <summary>The workflow runs, or waits.</summary>
    Running,

    /// <summary>The workflow returned.</summary>
    Completed,

    /// <summary>The workflow threw, or was terminated from outside.</summary>
    Broken,
}
