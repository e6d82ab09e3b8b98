using KlingFunctions.Pipeline.Polling;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline;

/// <summary>Deadline, polling and caps of jobs. Section <c>Pipeline</c>.</summary>
public sealed class PipelineOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Pipeline";

    /// <summary>RunComfy's time for a job, from its submission: a second to 30 days.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromHours(2);

    /// <summary>The shortest wait between two polls: a millisecond to an hour.</summary>
    public TimeSpan PollMin { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The longest wait between two polls: <see cref="PollMin"/> to an hour. See <see cref="PollPlan"/> for when it applies.
    /// </summary>
    public TimeSpan PollMax { get; set; } = PollPlan.UsualLongest;

    /// <summary>
    /// The most jobs that are submitted and not finished at one time; the rest wait in <c>accepted</c>. 0: no cap. At most a million.
    /// </summary>
    public int MaxInFlight { get; set; }

    /// <summary>The most submissions that are paid in a day (UTC), resumed jobs included. 0: no cap. At most a million.</summary>
    public int MaxJobsPerDay { get; set; }

    /// <summary>The most US dollars for submissions in a day (UTC), by the price known beforehand. 0: no cap. At most a million.</summary>
    public decimal MaxSpendPerDay { get; set; }

    /// <summary>The time until an ended job is deleted; its videos stay. 0: never. At most ten years.</summary>
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(30);
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class PipelineOptionsValidator : IValidateOptions<PipelineOptions>
{
    private const int MostJobs = 1_000_000;

    public ValidateOptionsResult Validate(string? name, PipelineOptions options)
    {
        List<string> faults =
        [
            .. Between(nameof(options.Deadline), options.Deadline, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)),
            .. Between(nameof(options.PollMin), options.PollMin, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
            .. Between(nameof(options.PollMax), options.PollMax, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1)),
            .. Between(nameof(options.KeepFor), options.KeepFor, TimeSpan.Zero, TimeSpan.FromDays(3650)),
            .. Cap(nameof(options.MaxInFlight), options.MaxInFlight),
            .. Cap(nameof(options.MaxJobsPerDay), options.MaxJobsPerDay),
            .. Cap(nameof(options.MaxSpendPerDay), options.MaxSpendPerDay),
        ];
        if (options.PollMax < options.PollMin) faults.Add("Pipeline:PollMax must not be shorter than Pipeline:PollMin.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> Between(string key, TimeSpan value, TimeSpan least, TimeSpan most)
    {
        if (value < least || value > most) yield return $"Pipeline:{key} is {value:c}: it should be between {least:c} and {most:c}.";
    }

    private static IEnumerable<string> Cap(string key, decimal value)
    {
        if (value is < 0 or > MostJobs) yield return $"Pipeline:{key} is {value}: it should be between 0 (no cap) and {MostJobs}.";
    }
}
