using System.Collections.Concurrent;
using System.Text.Json;

namespace KlingFunctions.Simulator;

/// <summary>The provider's account: calls, accepted submissions, cost. Thread-safe.</summary>
public sealed class Account
{
    private readonly Lock _lock = new();
    private readonly List<Submission> _accepted = [];
    private readonly List<Cancellation> _cancellations = [];
    private readonly ConcurrentDictionary<(ApiCall Call, string RequestId), int> _callsById = [];
    private readonly int[] _calls = new int[Enum.GetValues<ApiCall>().Length];
    private int _downloadsWithToken;
    private decimal _spentUsd;

    /// <summary>Every accepted submission, oldest first. Each is a paid generation.</summary>
    public IReadOnlyList<Submission> Accepted
    {
        get { lock (_lock) return [.. _accepted]; }
    }

    /// <summary>Every cancel call for a known request, oldest first.</summary>
    public IReadOnlyList<Cancellation> Cancellations
    {
        get { lock (_lock) return [.. _cancellations]; }
    }

    /// <summary>The number of accepted submissions.</summary>
    public int AcceptedCount
    {
        get { lock (_lock) return _accepted.Count; }
    }

    /// <summary>The cost of the accepted submissions, less refunds, in US dollars.</summary>
    public decimal SpentUsd
    {
        get { lock (_lock) return _spentUsd; }
    }

    /// <summary>
    /// The number of downloads with an Authorization header. It should be 0: result files are not part of RunComfy's API.
    /// </summary>
    public int DownloadsWithToken => Volatile.Read(ref _downloadsWithToken);

    /// <summary>The number of calls of a kind, refused and faulty ones included.</summary>
    public int Calls(ApiCall call) => Volatile.Read(ref _calls[(int)call]);

    /// <summary>The number of calls of a kind for one request.</summary>
    public int Calls(ApiCall call, string requestId) => _callsById.GetValueOrDefault((call, requestId));

    /// <summary>Counts a call.</summary>
    /// <returns>Its number, from 1, among the calls of its kind: about the same request, if it names one.</returns>
    internal int Received(ApiCall call, string? requestId, bool withToken)
    {
        var number = Interlocked.Increment(ref _calls[(int)call]);
        if (call == ApiCall.Download && withToken) Interlocked.Increment(ref _downloadsWithToken);
        return requestId is null ? number : _callsById.AddOrUpdate((call, requestId), 1, (_, count) => count + 1);
    }

    /// <summary>Charges for a submission, unless the balance is too low.</summary>
    internal bool TryCharge(Submission submission, decimal balanceUsd)
    {
        lock (_lock)
        {
            if (_spentUsd + submission.PriceUsd > balanceUsd) return false;
            _spentUsd += submission.PriceUsd;
            _accepted.Add(submission);
            return true;
        }
    }

    internal void GiveBack(decimal priceUsd)
    {
        lock (_lock) _spentUsd -= priceUsd;
    }

    internal void Cancelled(Cancellation cancellation)
    {
        lock (_lock) _cancellations.Add(cancellation);
    }

    internal void Clear()
    {
        lock (_lock)
        {
            _accepted.Clear();
            _cancellations.Clear();
            _callsById.Clear();
            Array.Clear(_calls);
            _downloadsWithToken = 0;
            _spentUsd = 0;
        }
    }
}

/// <summary>An accepted submission.</summary>
/// <param name="RequestId">The id of the request.</param>
/// <param name="At">When.</param>
/// <param name="PriceUsd">Its price in US dollars: 0.56 for 5 s, 1.12 for 10 s.</param>
/// <param name="Input">The body as received.</param>
/// <param name="SpoiltBy">The fault that lost or damaged its answer; null if none.</param>
public sealed record Submission(string RequestId, DateTimeOffset At, decimal PriceUsd, JsonElement Input, FaultKind? SpoiltBy = null);

/// <summary>A cancel call.</summary>
/// <param name="RequestId">The request.</param>
/// <param name="At">When.</param>
/// <param name="Outcome"><c>cancelled</c> or <c>not_cancellable</c>.</param>
public sealed record Cancellation(string RequestId, DateTimeOffset At, string Outcome);
