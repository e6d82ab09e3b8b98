using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Submitting;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Tests.Submitting;

internal static class Turns
{
    /// <summary>The spending guards of one host.</summary>
    public static TurnSteps Of(PipelineOptions options, IDocuments documents, ISubmissionLedger ledger, TimeProvider time) =>
        new(new Quota(documents, time), ledger, Options.Create(options), time);
}
