using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Workflow;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Benchmarks.Engine;

/// <summary>The workload on Local's engine and its journal, without HTTP and without the pipeline.</summary>
internal static class LocalEngine
{
    /// <summary>The argument that runs it in a separate process.</summary>
    public const string Argument = "engine-local";

    private const string SixSteps = "SixSteps";

    /// <param name="directory">The folder of the journal.</param>
    public static async Task RunAsync(string directory)
    {
        await using var database = new JournalDatabase(directory);
        var store = new InstanceStore(database);
        using var engine = new WorkflowEngine(Catalog(), store, TimeProvider.System, NullLogger<WorkflowEngine>.Instance);
        var running = new ConcurrentDictionary<string, TaskCompletionSource>();
        // The only status is written in the commit that ends the workflow.
        store.StatusWritten += (id, _) =>
        {
            if (running.TryRemove(id, out var ended)) ended.SetResult();
        };
        await engine.StartAsync(CancellationToken.None);
        await Workload.RunAsync(async number =>
        {
            var id = Guid.NewGuid().ToString();
            var ended = running[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await engine.StartAsync(SixSteps, id, number.ToString(CultureInfo.InvariantCulture));
            await ended.Task;
        });
        await engine.StopAsync(CancellationToken.None);
    }

    private static WorkflowCatalog Catalog()
    {
        var catalog = new WorkflowCatalog(JsonSerializerOptions.Web);
        var steps = Enumerable.Range(1, Workload.Steps).ToDictionary(step => step, step => new Step<int, string>($"Step{step}"));
        foreach (var (step, named) in steps) catalog.Add(named, (number, _) => Task.FromResult(Workload.Output(step, number)));
        return catalog.Add<int, string>(SixSteps, async (context, number) =>
        {
            var last = "";
            for (var step = 1; step <= Workload.Steps; step++)
            {
                if (step == Workload.TimerBefore) await context.WaitUntilAsync(context.Now + Workload.Timer, CancellationToken.None);
                last = await context.CallAsync(steps[step], number);
            }
            context.ReportStatus("ended");
            return last;
        });
    }
}
