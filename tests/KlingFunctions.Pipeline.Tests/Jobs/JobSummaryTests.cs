using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Tests.Fakes;

namespace KlingFunctions.Pipeline.Tests.Jobs;

/// <summary>A filter gives the same answer about an ended job and about its summary.</summary>
public class JobSummaryTests
{
    // Few names and values, so that a filter often finds one, or finds the name with another value.
    private static readonly Gen<string> Texts = Gen.Elements("", "a", "b", "ab", "1", "1:a", "true", "null", "{}", "ä", "日本", "🦊", "\0", "\"");

    private static readonly Gen<JsonNode?> Values = Gen.OneOf(
        Texts.Select(text => (JsonNode?)text),
        Gen.Elements("1", "1.0", "true", "null", "{}", """{"a":[1,"b"]}""").Select(json => JsonNode.Parse(json)));

    private static readonly Gen<JobSnapshot> EndedJobs =
        from names in Texts.ListOf(3)
        from values in Values.ListOf(3)
        from hasMetadata in Gen.Elements(true, false)
        from status in Gen.Elements(JobStatus.Succeeded, JobStatus.Failed, JobStatus.Cancelled)
        from batch in Gen.Elements("bat_1", "bat_2", null)
        let metadata = new JsonObject(names.Zip(values, KeyValuePair.Create).DistinctBy(pair => pair.Key))
        select Job(status, hasMetadata ? metadata.Deserialize<JsonElement>() : null, batch);

    private static readonly Gen<JobFilter> Filters =
        from status in Gen.Elements<JobStatus?>(null, JobStatus.Succeeded, JobStatus.Failed, JobStatus.InQueue)
        from batch in Gen.Elements("bat_1", null, null)
        from after in Gen.Elements<TimeSpan?>(null, TimeSpan.Zero, TimeSpan.FromTicks(1))
        from before in Gen.Elements<TimeSpan?>(null, null, TimeSpan.Zero, TimeSpan.FromTicks(1))
        from asked in Gen.Choose(0, 1)
        from names in Texts.ListOf(asked)
        from values in Texts.ListOf(asked)
        select new JobFilter
        {
            Status = status,
            Batch = batch,
            CreatedAfter = SampleJobs.CreatedAt + after,
            CreatedBefore = SampleJobs.CreatedAt + before,
            Metadata = names.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second),
        };

    [Fact]
    public void Filter_includes_a_summary_exactly_if_it_includes_the_job() =>
        Prop.ForAll(EndedJobs.ToArbitrary(), Filters.ToArbitrary(), (job, filter) =>
            filter.Includes(JobSummary.Of(job)!, job.Job.CreatedAt) == filter.Includes(job)).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    [Fact]
    public void Each_property_of_any_metadata_is_found() =>
        Prop.ForAll(ArbMap.Default.ArbFor<Dictionary<NonNull<string>, string>>(), given =>
        {
            var metadata = JsonSerializer.SerializeToElement(given.ToDictionary(pair => pair.Key.Get, pair => pair.Value));
            var summary = JobSummary.Of(Job(JobStatus.Succeeded, metadata))!;
            return metadata.EnumerateObject().All(p => summary.HasMetadata(p.Name, p.Value.ValueKind is JsonValueKind.Null ? "null" : p.Value.GetString()!));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Running_job_has_no_summary_whatever_its_status()
    {
        Assert.Null(JobSummary.Of(Job(JobStatus.Succeeded) with { IsRunning = true }));
        Assert.Null(JobSummary.Of(Job(JobStatus.Storing)));
    }

    private static JobSnapshot Job(JobStatus status, JsonElement? metadata = null, string? batch = null)
    {
        var job = SampleJobs.New();
        return SampleJobs.Ended(
            job with { Request = job.Request with { Metadata = metadata }, Batch = batch is null ? null : new(batch, 0) }, status);
    }
}
