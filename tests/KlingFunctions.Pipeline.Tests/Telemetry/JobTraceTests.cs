using System.Diagnostics;
using KlingFunctions.Pipeline.Telemetry;

namespace KlingFunctions.Pipeline.Tests.Telemetry;

public sealed class JobTraceTests
{
    private const string Job = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public void Without_a_span_the_message_has_the_trace_of_the_job()
    {
        Activity.Current = null;
        Assert.Equal(Job, JobTrace.Outgoing(Job));
        Assert.Null(JobTrace.Outgoing(null));
    }

    [Fact]
    public void A_span_of_another_trace_is_not_passed_on()
    {
        using var other = new Activity("of the engine").Start();
        Assert.Equal(Job, JobTrace.Outgoing(Job));
        Assert.Equal(other.Id, JobTrace.Outgoing(null));
    }

    [Fact]
    public void A_span_of_the_job_is_passed_on()
    {
        using var step = new Activity("Deliver").SetParentId(Job).Start();
        Assert.Equal(step.Id, JobTrace.Outgoing(Job));
    }

    [Theory]
    [InlineData("")]
    [InlineData("00-zz-b7ad6b7169203331-01")]
    public void Unreadable_trace_counts_as_missing(string kept)
    {
        Activity.Current = null;
        Assert.Null(JobTrace.Outgoing(kept));
        JobTrace.Link(kept);
        using var span = JobTrace.Rejoin("resume", "vid_1", kept);
        Assert.Null(span?.ParentId);
    }
}
