using System.Diagnostics;
using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Tests.Fakes;
using KlingFunctions.Pipeline.Tests.Requests;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public sealed class JobIntakeTests
{
    [Fact]
    public async Task Job_keeps_the_duration_of_its_video_and_the_trace_of_its_call()
    {
        using var call = new Activity("call").Start();
        var intake = new JobIntake(new FakeJobs(), null!, NoPrices.List, KlingO1.Contract, Options.Create(new PipelineOptions()), new FakeTimeProvider());
        var accepted = Assert.IsType<Intake.Accepted>(await intake.AcceptAsync(
            "vid_1", Reading.Read(Reading.FullBody), "https://kling.example.com", "walk.json", TestContext.Current.CancellationToken));
        Assert.Equal("10", accepted.Snapshot.Job.Duration);
        Assert.Contains(call.TraceId.ToHexString(), accepted.Snapshot.Job.TraceParent, StringComparison.Ordinal);
    }
}
