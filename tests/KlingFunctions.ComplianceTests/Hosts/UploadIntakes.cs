using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>Creates the intake of uploads over the ports of a test.</summary>
public static class UploadIntakes
{
    public static UploadIntake Over(
        IUploads uploads, IJobs jobs, IOptions<PipelineOptions> options, TimeProvider time, ILogger<UploadIntake> log, IDocuments? documents = null)
    {
        var reader = new UploadReader(KlingO1.Contract, new RequestReader(KlingO1.Contract, Options.Create(new NetworkOptions())));
        var (intake, reports) = (new JobIntake(jobs, null!, NoPrices.List, KlingO1.Contract, options, time), new UploadReports(uploads));
        var batches = new UploadedBatches(
            uploads, reader, reports, BatchIntakeOver(documents ?? new InMemoryDocuments(), jobs, time), intake, jobs, time, NullLogger<UploadedBatches>.Instance);
        return new(uploads, reader, reports, batches, intake, jobs, options, time, log);
    }

    public static BatchIntake BatchIntakeOver(IDocuments documents, IJobs jobs, TimeProvider time)
    {
        var batches = new Batches(documents, time);
        var receivers = new FindReceiversStep(
            new Subscriptions(documents, NullLogger<Subscriptions>.Instance), documents, new DeliverySchedule([]), NullLogger<FindReceiversStep>.Instance);
        return new(batches, new EndBatchItemStep(batches, receivers, jobs, time), jobs);
    }
}
