namespace KlingFunctions.Chaos;

/// <summary>Where a host is killed.</summary>
/// <param name="Name">Its name in reports.</param>
/// <param name="Inside">The moment at which the process kills itself; null if it is killed from outside.</param>
/// <param name="Outside">Brings about what the kill is to interrupt, and completes at the moment of the kill.</param>
internal sealed record KillPoint(string Name, string? Inside, Func<Ordeal, CancellationToken, Task>? Outside)
{
    private const string Resumes = "while a person resumes";

    /// <summary>Every point there is.</summary>
    public static IReadOnlyList<KillPoint> All { get; } =
    [
        // Around each step: before its first write, and after its last but before its outcome is in the journal.
        .. from step in (string[])["Validate", "Submit", "Poll", "Store", "FindReceivers", "Deliver"]
           from edge in (string[])["start", "stop"]
           select Within($"{step}:{edge}:1"),
        // Within a step, between its writes: what it sends to others has not left yet, or is answered and not written down.
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
        new("while it starts", null, (ordeal, cancel) => ordeal.PauseAsync(1500, cancel)),
        new("at random", null, (ordeal, cancel) => ordeal.AtRandomAsync(cancel)),
        new("in the POST, accepted", null, (ordeal, cancel) => ordeal.InThePostAsync(accepted: true, cancel)),
        new("in the POST, not accepted", null, (ordeal, cancel) => ordeal.InThePostAsync(accepted: false, cancel)),
        new("in the middle of a download", null, (ordeal, cancel) => ordeal.InADownloadAsync(cancel)),
        new("between two webhook tries", null, (ordeal, cancel) => ordeal.BetweenTriesAsync(cancel)),
        new("in the journal's commit", null, (ordeal, cancel) => ordeal.InACommitAsync(cancel)),
        new("while a request comes in", null, (ordeal, cancel) => ordeal.InAnIntakeAsync(cancel)),
        new("while an upload is taken", null, (ordeal, cancel) => ordeal.InAnUploadAsync(cancel)),
        new(Resumes, null, (ordeal, cancel) => ordeal.InAResumeAsync(cancel)),
        new("while a person redelivers", null, (ordeal, cancel) => ordeal.InARedeliveryAsync(cancel)),
    ];

    /// <summary>Whether it comes to it at all. Where what is in doubt is resubmitted by itself, hardly anything is left for a person.</summary>
    public bool CanBeReachedIn(Ordeal ordeal) => !(ordeal.Resubmits && Name == Resumes);

    /// <summary>So many points: all of them in an order of the seed's choice, and again in another, until there are enough.</summary>
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
