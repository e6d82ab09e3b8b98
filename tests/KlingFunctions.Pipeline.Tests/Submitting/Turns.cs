using KlingFunctions.ComplianceTests.Hosts;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.RunComfy;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Submitting;

internal static class Turns
{
    /// <summary>The steps for caps and slots of one host.</summary>
    public static PermitSteps Of(PipelineOptions options, IDocuments documents, ISubmissionLedger ledger, TimeProvider time, PriceList? prices = null) =>
        new(new Quota(documents, time), new Spending(documents, time), prices ?? NoPrices.List, ledger, Options.Create(options), time);
}
