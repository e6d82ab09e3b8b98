namespace KlingFunctions.Simulator;

/// <summary>
/// Random transient faults, drawn from a seed: gusts, which affect single calls, and storms, which affect every call for a while. The same
/// seed gives the same faults: they depend only on the kind of call, its request (by order of acceptance), the number of such calls before
/// it, and, in a storm, the time.
/// <para>
/// No draw makes a client that retries lose anything. A submission that is refused in a documented way is never accepted nevertheless; no
/// request is unknown (404001) in two consecutive calls, so that no client can conclude that it has expired.
/// </para>
/// </summary>
/// <example><c>--Simulator:Weather:Seed 7</c>, or <c>PATCH /simulator/behaviour</c> with <c>{"weather": {"seed": 7}}</c>.</example>
/// <param name="Seed">The seed of all draws.</param>
/// <param name="Gusts">The share of all calls hit by a gust, from 0 to 1.</param>
/// <param name="Storms">The share of the time covered by storms, from 0 to 1.</param>
/// <param name="StormSeconds">The shortest duration of a storm, in seconds, 1 or more: a refused token works again after it.</param>
public sealed record Weather(int Seed = 0, double Gusts = 0.2, double Storms = 0.1, int StormSeconds = 300)
{
    private static readonly FaultKind[] Refusals =
        [FaultKind.TooManyRequests, FaultKind.BadToken, FaultKind.NoBalance, FaultKind.Forbidden, FaultKind.NotFound];

    private static readonly FaultKind[] Everywhere =
    [
        FaultKind.Dropped, FaultKind.Hang, FaultKind.Truncated, FaultKind.Slow, FaultKind.RequestTimeout, FaultKind.TooManyRequests,
        FaultKind.ServerError, FaultKind.BadGateway, FaultKind.Unavailable, FaultKind.ErrorInOk, FaultKind.BrokenJson, FaultKind.EmptyBody,
        FaultKind.HtmlPage,
    ];

    private static readonly FaultKind[] InStorms =
    [
        FaultKind.Dropped, FaultKind.TooManyRequests, FaultKind.ServerError, FaultKind.BadGateway, FaultKind.Unavailable,
        FaultKind.HtmlPage, FaultKind.BadToken, FaultKind.NoBalance,
    ];

    /// <summary>The fault for a call, if any.</summary>
    /// <param name="call">Its kind.</param>
    /// <param name="request">The number of the request it asks about, in the order of acceptance; -1 for none.</param>
    /// <param name="number">The number of this call, from 1, among those of its kind about this request.</param>
    /// <param name="now">When it comes in.</param>
    /// <param name="behaviour">The provider's behaviour otherwise.</param>
    internal Strike? On(ApiCall call, int request, int number, DateTimeOffset now, Behaviour behaviour)
    {
        var storm = Draw(-1, now.ToUnixTimeSeconds() / Math.Max(1, StormSeconds), 0);
        if (storm.NextDouble() < Storms && call != ApiCall.Download)
            return Strike(new(call, Pick(storm, InStorms)), Draw((int)call, request, number), behaviour);
        var gust = Draw((int)call, request, number);
        return gust.NextDouble() < Gusts ? Strike(Gust(call, number, gust), gust, behaviour) : null;
    }

    private static Fault Gust(ApiCall call, int number, Random draw)
    {
        FaultKind[] kinds = call switch
        {
            ApiCall.Submit => [.. Everywhere, FaultKind.BadToken, FaultKind.NoBalance, FaultKind.Forbidden],
            ApiCall.Download => [.. Everywhere, FaultKind.WrongLength, FaultKind.Halved, FaultKind.Forbidden, FaultKind.NotFound],
            _ => [.. Everywhere, FaultKind.UnknownStatus, FaultKind.BadToken, FaultKind.NoBalance, FaultKind.Forbidden, FaultKind.NotFound],
        };
        var kind = Pick(draw, kinds);
        if (kind == FaultKind.NotFound && number % 2 == 0) kind = FaultKind.Dropped;
        return new(call, kind, Late: draw.Next(2) == 0 && !Refusals.Contains(kind));
    }

    /// <summary>The details: length and clock of a Retry-After; the point where an answer is cut off, and its speed.</summary>
    private static Strike Strike(Fault fault, Random draw, Behaviour behaviour) => new(fault, behaviour with
    {
        RetryAfter = draw.Next(3) == 0 ? null : TimeSpan.FromSeconds(draw.Next(120)),
        RetryAfterIsDate = draw.Next(2) == 0,
        ClockSkew = Pick(draw, [TimeSpan.Zero, TimeSpan.FromHours(1), TimeSpan.FromHours(-1), TimeSpan.FromDays(draw.Next(1, 4000))]),
        BadTokenStatusCode = Pick(draw, [400, 401]),
        NoBalanceStatusCode = Pick(draw, [400, 402]),
        TruncatesAfter = draw.Next(1, 60_000),
        SlowBytes = fault.Call == ApiCall.Download ? draw.Next(5_000, 60_000) : draw.Next(10, 400),
        SlowPause = TimeSpan.FromSeconds(draw.Next(1, 40)),
    });

    private static T Pick<T>(Random draw, T[] among) => among[draw.Next(among.Length)];

    /// <summary>The same for the same numbers, and different for all others (the finaliser of SplitMix64).</summary>
    private Random Draw(int kind, long one, long other)
    {
        var mixed = 0UL;
        foreach (var number in (ReadOnlySpan<long>)[Seed, kind, one, other])
        {
            mixed = unchecked((mixed ^ (ulong)number) + 0x9E3779B97F4A7C15);
            mixed = unchecked((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9);
            mixed = unchecked((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB);
            mixed ^= mixed >> 31;
        }
        return new Random(unchecked((int)mixed));
    }
}

/// <summary>A fault for one call, with the provider's behaviour in that call.</summary>
internal sealed record Strike(Fault Fault, Behaviour Behaviour);
