using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline;

/// <summary>How jobs are paced. Section <c>Pipeline</c>.</summary>
public sealed class PipelineOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Pipeline";

    /// <summary>How long RunComfy has for a job, from its submission; positive.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromHours(2);

    /// <summary>The shortest wait between two polls; positive.</summary>
    public TimeSpan PollMin { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest wait between two polls; at least <see cref="PollMin"/>.</summary>
    public TimeSpan PollMax { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>At most so many jobs are submitted and not finished at one time; the rest wait in <c>accepted</c>. 0: no cap.</summary>
    public int MaxInFlight { get; set; }

    /// <summary>At most so many submissions are paid in a day (UTC), resumed jobs included. 0: no cap.</summary>
    public int MaxJobsPerDay { get; set; }

    /// <summary>How long a job is remembered after it ended; its videos stay. 0: for ever.</summary>
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(30);
}

/// <summary>Stops the start with one sentence for a wrong setting, naming its key.</summary>
internal sealed class PipelineOptionsValidator : IValidateOptions<PipelineOptions>
{
    public ValidateOptionsResult Validate(string? name, PipelineOptions options)
    {
        if (options.Deadline <= TimeSpan.Zero) return Fail("Pipeline:Deadline must be longer than nothing, for example 02:00:00.");
        if (options.PollMin <= TimeSpan.Zero) return Fail("Pipeline:PollMin must be longer than nothing, for example 00:00:02.");
        if (options.PollMax < options.PollMin) return Fail("Pipeline:PollMax must not be shorter than Pipeline:PollMin.");
        if (options.MaxInFlight < 0) return Fail("Pipeline:MaxInFlight must be 0 (no cap) or more.");
        if (options.MaxJobsPerDay < 0) return Fail("Pipeline:MaxJobsPerDay must be 0 (no cap) or more.");
        if (options.KeepFor < TimeSpan.Zero) return Fail("Pipeline:KeepFor must be 0 (for ever) or a time such as 30.00:00:00 for 30 days.");
        return ValidateOptionsResult.Success;
    }

    private static ValidateOptionsResult Fail(string sentence) => ValidateOptionsResult.Fail(sentence);
}
