using System.Collections.Concurrent;
using System.Text.Json;

namespace KlingFunctions.Simulator;

/// <summary>The provider's books: what was asked, what was accepted, what it cost. Safe to read from any thread.</summary>
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

    /// <summary>How many submissions were accepted.</summary>
    public int AcceptedCount
    {
        get { lock (_lock) return _accepted.Count; }
    }

    /// <summary>What the accepted submissions cost, less what was given back, in US dollars.</summary>
    public decimal SpentUsd
    {
        get { lock (_lock) return _spentUsd; }
    }

    /// <summary>How many downloads brought an Authorization header along. None should: result files are not RunComfy's API.</summary>
    public int DownloadsWithToken => Volatile.Read(ref _downloadsWithToken);

    /// <summary>How many calls of a kind came in, also those refused or struck by a fault.</summary>
    public int Calls(ApiCall call) => Volatile.Read(ref _calls[(int)call]);

    /// <summary>How many calls of a kind came in for one request.</summary>
    public int Calls(ApiCall call, string requestId) => _callsById.GetValueOrDefault((call, requestId));

    /// <summary>Books a call. Which of its kind it is, from 1: of those about its request, if it asks about one.</summary>
    internal int Received(ApiCall call, string? requestId, bool withToken)
    {
        var number = Interlocked.Increment(ref _calls[(int)call]);
        if (call == ApiCall.Download && withToken) Interlocked.Increment(ref _downloadsWithToken);
        return requestId is null ? number : _callsById.AddOrUpdate((call, requestId), 1, (_, count) => count + 1);
    }

    /// <summary>Books a submission, unless the money does not suffice.</summary>
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

/// <summary>A submission that was accepted.</summary>
/// <param name="RequestId">The id that it was given.</param>
/// <param name="At">When.</param>
/// <param name="PriceUsd">Its price in US dollars: 0.56 for 5 s, 1.12 for 10 s.</param>
/// <param name="Input">The body as it came.</param>
/// <param name="SpoiltBy">What kept its answer from the client, or at least from coming as it should; null if nothing did.</param>
public sealed record Submission(string RequestId, DateTimeOffset At, decimal PriceUsd, JsonElement Input, FaultKind? SpoiltBy = null);

/// <summary>A cancel call.</summary>
/// <param name="RequestId">The request.</param>
/// <param name="At">When.</param>
/// <param name="Outcome"><c>cancelled</c> or <c>not_cancellable</c>.</param>
public sealed record Cancellation(string RequestId, DateTimeOffset At, string Outcome);
