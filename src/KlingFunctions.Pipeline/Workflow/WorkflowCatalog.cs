using System.Text.Json;

namespace KlingFunctions.Pipeline.Workflow;

/// <summary>A workflow for the journal: a name, and JSON in and out.</summary>
/// <param name="Name">The orchestrator's name: part of the history, so it never changes once released.</param>
/// <param name="RunAsync">Runs the workflow with its input as JSON, and returns its output as JSON.</param>
public sealed record CataloguedWorkflow(string Name, Func<IWorkflowContext, string, Task<string>> RunAsync);

/// <summary>A step for the journal: a name, and JSON in and out.</summary>
/// <param name="Name">The activity's name.</param>
/// <param name="RunAsync">Runs the step with its input as JSON, and returns its output as JSON.</param>
public sealed record CataloguedStep(string Name, Func<string, CancellationToken, Task<string>> RunAsync);

/// <summary>Workflows and steps by name, for an engine to run.</summary>
/// <param name="json">The serialisation of inputs and outputs; it must know every type that is added.</param>
public sealed class WorkflowCatalog(JsonSerializerOptions json)
{
    private readonly Dictionary<string, CataloguedWorkflow> _workflows = [];
    private readonly Dictionary<string, CataloguedStep> _steps = [];
    private readonly Dictionary<string, Delegate> _code = [];

    /// <summary>The serialisation of inputs, outputs and statuses.</summary>
    public JsonSerializerOptions Json => json;

    /// <summary>The workflows, in no particular order.</summary>
    public IReadOnlyCollection<CataloguedWorkflow> Workflows => _workflows.Values;

    /// <summary>The steps, in no particular order.</summary>
    public IReadOnlyCollection<CataloguedStep> Steps => _steps.Values;

    /// <summary>Adds a workflow.</summary>
    public WorkflowCatalog Add<TIn, TOut>(string name, Func<IWorkflowContext, TIn, Task<TOut>> run)
    {
        // No ConfigureAwait(false): the continuation belongs to the engine's own scheduler.
        _workflows.Add(name, new(name, async (context, input) => Write(await run(context, Read<TIn>(input)))));
        return this;
    }

    /// <summary>Adds the code of a step.</summary>
    public WorkflowCatalog Add<TIn, TOut>(Step<TIn, TOut> step, Func<TIn, CancellationToken, Task<TOut>> run)
    {
        _steps.Add(step.Name, new(step.Name, async (input, cancellationToken) => Write(await run(Read<TIn>(input), cancellationToken))));
        _code.Add(step.Name, run);
        return this;
    }

    /// <summary>Runs the code of a step, for an engine that reads and writes its inputs and outputs itself.</summary>
    /// <exception cref="KeyNotFoundException">No code was added for this step.</exception>
    public Task<TOut> RunAsync<TIn, TOut>(Step<TIn, TOut> step, TIn input, CancellationToken cancellationToken) =>
        ((Func<TIn, CancellationToken, Task<TOut>>)_code[step.Name])(input, cancellationToken);

    /// <summary>The workflow of this name.</summary>
    /// <exception cref="KeyNotFoundException">There is none: the journal was written by another version.</exception>
    public CataloguedWorkflow Workflow(string name) =>
        _workflows.TryGetValue(name, out var found) ? found : throw new KeyNotFoundException($"No workflow is named '{name}'.");

    /// <summary>The step of this name.</summary>
    /// <exception cref="KeyNotFoundException">There is none: the journal was written by another version.</exception>
    public CataloguedStep Step(string name) =>
        _steps.TryGetValue(name, out var found) ? found : throw new KeyNotFoundException($"No step is named '{name}'.");

    private string Write<T>(T value) => JsonSerializer.Serialize(value, json);

    private T Read<T>(string text) => JsonSerializer.Deserialize<T>(text, json)!;
}
