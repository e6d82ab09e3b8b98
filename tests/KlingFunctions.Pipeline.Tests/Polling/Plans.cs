using KlingFunctions.ComplianceTests.Stores;
using KlingFunctions.Pipeline.Documents;
using KlingFunctions.Pipeline.Polling;
using KlingFunctions.Pipeline.Requests.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace KlingFunctions.Pipeline.Tests.Polling;

/// <summary>The plan of polls with default settings.</summary>
internal static class Plans
{
    public static PollPlan Usual { get; } = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30), secondsPerPoll: 1);

    public static LearnedRunTimes Learned(IDocuments documents, TimeProvider time) => new(KlingO1.Contract, documents, time, NullLogger<LearnedRunTimes>.Instance);

    public static FirstPoll First(TimeProvider time, IDocuments? documents = null) =>
        new(KlingO1.Contract, Learned(documents ?? new InMemoryDocuments(), time), Usual, time);
}
