using System.Text.Json;
using KlingFunctions.Pipeline.Jobs;

namespace KlingFunctions.Pipeline.Tests.Jobs;

public class RunMemoTests
{
    [Fact]
    public void Names_in_recorded_histories_are_read_and_written()
    {
        const string Recorded = """{"faults":7,"missing":2,"unsettled":true,"cancel_wished":true,"has_day":true,"store_tries":3}""";
        var memo = new RunMemo(FailedPolls: 7, NotFoundPolls: 2, MayBePaid: true, CancelRequested: true, HasDay: true, StoreTries: 3);
        Assert.Equal(memo, JsonSerializer.Deserialize(Recorded, PipelineJson.Default.RunMemo));
        Assert.Equal(Recorded, JsonSerializer.Serialize(memo, PipelineJson.Default.RunMemo));
    }
}
