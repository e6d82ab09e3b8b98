namespace KlingFunctions.Chaos;

/// <summary>A point at which a host is killed.</summary>
/// <param name="Name">The point's name in reports.</param>
/// <param name="Inside">The moment at which the process kills itself; null if it is killed from outside.</param>
/// <param name="Outside">Starts the work that the kill interrupts, and completes at the moment of the kill.</param>
internal sealed record KillPoint(string Name, string? Inside, Func<ChaosRun, CancellationToken, Task>? Outside)
{
    private const string Resumes = "while a person resumes";

    /// <summary>All points.</summary>
    public static IReadOnlyList<KillPoint> All { get; } =
    [
        // Around each step: before its first write, and after its last but before its outcome is in the journal.
        .. from step in (string[])["Validate", "Submit", "Poll", "Store", "FindReceivers", "Deliver"]
           from edge in (string[])["start", "stop"]
           select Within($"{step}:{edge}:1"),
        // Within a step, between its writes: a call is not sent yet, or is answered and the answer not recorded.
        Within("Validate.http:stop:1"),
        Within("Submit.http:start:1"),
        Within("Submit.http:stop:1"),
        Within("Poll.http:start:1"),
        Within("Poll.http:stop:2"),
        Within("Store.http:stop:1"),
        Within("Store.http:start:2"),
        Within("Store.http:stop:2"),
        Within("Deliver.http:start:1"),
        Within("Deliver.http:stop:1"),
        new("while it starts", null, (run, cancellationToken) => run.PauseAsync(1500, cancellationToken)),
        new("at random", null, (run, cancellationToken) => run.AtRandomAsync(cancellationToken)),
        new("in the POST, accepted", null, (run, cancellationToken) => run.InThePostAsync(accepted: true, cancellationToken)),
        new("in the POST, not accepted", null, (run, cancellationToken) => run.InThePostAsync(accepted: false, cancellationToken)),
        new("in the middle of a download", null, (run, cancellationToken) => run.InADownloadAsync(cancellationToken)),
        new("between two webhook tries", null, (run, cancellationToken) => run.BetweenTriesAsync(cancellationToken)),
        new("in the journal's commit", null, (run, cancellationToken) => run.InACommitAsync(cancellationToken)),
        new("while a request comes in", null, (run, cancellationToken) => run.InAnIntakeAsync(cancellationToken)),
        new("while an upload is taken", null, (run, cancellationToken) => run.InAnUploadAsync(cancellationToken)),
        new(Resumes, null, (run, cancellationToken) => run.InAResumeAsync(cancellationToken)),
        new("while a person redelivers", null, (run, cancellationToken) => run.InARedeliveryAsync(cancellationToken)),
    ];

    /// <summary>Whether a run can reach this point. A host that resubmits jobs in doubt leaves hardly any for a person to resume.</summary>
    public bool CanBeReachedIn(ChaosRun run) => !(run.Resubmits && Name == Resumes);

    /// <summary>As many points as wanted: all of them in a random order, repeatedly in new orders.</summary>
    public static IEnumerable<KillPoint> Draw(Random random, int count)
    {
        var points = All.ToArray();
        for (var i = 0; i < count; i++)
        {
            if (i % points.Length == 0) random.Shuffle(points);
            yield return points[i % points.Length];
        }
    }

    private static KillPoint Within(string moment) => new(moment, moment, null);
}
