using System.Text.Json.Nodes;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Uploads;

/// <summary>An upload with one request per line: each line is paid once, whatever happens to the others.</summary>
public class UploadedBatchTests
{
    private const string Path = "orders/today.jsonl", Report = "orders/today.jsonl.error.json";
    private const string Fox = """{"prompt": "A fox"}""", Bear = """{"prompt": "A bear"}""", Bad = """{"prompt": ""}""";

    private readonly FakeJobs _jobs = new();
    private readonly InMemoryUploads _folder = new();
    private readonly UploadIntake _intake;

    public UploadedBatchTests() =>
        _intake = UploadIntakes.Over(_folder, _jobs, Options.Create(new PipelineOptions()), _folder.Time, NullLogger<UploadIntake>.Instance);

    [Fact]
    public async Task Each_line_is_a_job_of_one_batch()
    {
        for (var times = 0; times < 2; times++) Assert.Equal(UploadOutcome.Started, await AcceptAsync(Fox, Bear));
        var jobs = _jobs.Ids.Select(id => _jobs[id].Job).ToList();
        Assert.Equal(2, jobs.Count);
        Assert.Equal([0, 1], jobs.Select(job => job.Batch!.Index).Order());
        Assert.Single(jobs.Select(job => job.Batch!.Id).Distinct());
        Assert.All(jobs, job => Assert.Equal(Path, job.Upload));
    }

    [Fact]
    public async Task Bad_line_is_reported_and_stops_no_other()
    {
        Assert.Equal(UploadOutcome.Refused, await AcceptAsync(Fox, Bad, Bear));
        Assert.Equal(2, _jobs.Ids.Count());
        var report = JsonNode.Parse(_folder.Text(Report))!;
        Assert.Equal("/1/prompt", (string?)report["faults"]![0]!["pointer"]);
        Assert.StartsWith("Request 2: ", (string?)report["faults"]![0]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Corrected_added_and_moved_lines_only_pay_for_the_changes()
    {
        await AcceptAsync(Fox, Bad);
        var fox = Assert.Single(_jobs.Ids);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync(Bear, Fox));
        Assert.Equal(2, _jobs.Ids.Count());
        Assert.Contains(fox, _jobs.Ids);
        Assert.Null(await _folder.FindAsync(Report, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Equal_lines_are_separate_jobs()
    {
        await AcceptAsync(Fox, Fox);
        Assert.Equal(2, _jobs.Ids.Count());
        await AcceptAsync(Fox, Bear, Fox);
        Assert.Equal(3, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Lines_in_another_layout_are_the_same_requests()
    {
        const string fox = """{ "prompt":"A fox" }""";
        await AcceptAsync(Fox, Bear);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync("[", Bear, ",", fox, "]"));
        Assert.Equal(2, _jobs.Ids.Count());
        await AcceptAsync(Fox, fox);
        Assert.Equal(3, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Batch_killed_in_the_middle_continues_with_the_rest()
    {
        var starts = 0;
        _jobs.Starting = _ =>
        {
            if (Interlocked.Increment(ref starts) == 2) throw new IOException("Killed.");
        };
        await Assert.ThrowsAnyAsync<Exception>(() => AcceptAsync(Fox, Bear));
        Assert.Equal(UploadOutcome.Started, await AcceptAsync(Fox, Bear));
        Assert.Equal(2, _jobs.Ids.Count());
    }

    [Fact]
    public async Task Lost_journal_pays_no_line_again()
    {
        await AcceptAsync(Fox, Bad);
        _jobs.Clear();
        await AcceptAsync(Fox, Bad);
        Assert.Equal(UploadOutcome.Started, await AcceptAsync(Fox));
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task File_that_is_still_growing_is_waited_for()
    {
        _folder.Put(Path, Fox + "\n{\"prompt\": ");
        Assert.Equal(UploadOutcome.Unfinished, await _intake.AcceptAsync(Path, "https://kling.example.com", mayGrow: true, TestContext.Current.CancellationToken));
        Assert.Empty(_jobs.Ids);
    }

    [Fact]
    public async Task Failed_job_is_reported_beside_the_upload_by_its_line()
    {
        var step = new ReportUploadStep(_folder);
        await step.RunAsync(new(Path, new("provider_failed", "No luck."), "vid_1", Request: 3), TestContext.Current.CancellationToken);
        var text = _folder.Text("orders/today.jsonl.3.error.json");
        Assert.Equal((Path, 3), Upload.AboutOf(System.Text.Encoding.UTF8.GetBytes(text)));
        Assert.Equal(UploadKind.ErrorReport, Upload.KindOf("orders/today.jsonl.3.error.json"));
    }

    private Task<UploadOutcome> AcceptAsync(params string[] lines)
    {
        _folder.Put(Path, string.Join('\n', lines));
        return _intake.AcceptAsync(Path, "https://kling.example.com", mayGrow: false, TestContext.Current.CancellationToken);
    }
}
