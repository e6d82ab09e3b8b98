namespace KlingFunctions.Simulator;

/// <summary>
/// Passing troubles, drawn from a seed: gusts, which strike single calls, and storms, which strike every call for a while. The same seed
/// gives the same troubles: what strikes a call depends on nothing but its kind, which request it asks about (by the order in which they
/// were accepted), how many such calls came before it, and, in a storm, the time.
/// <para>
/// Whatever it draws, a patient client loses nothing by it. A submission that is refused in a documented way is never accepted all the same;
/// no request is unknown (404001) in two calls in a row, so that nobody has reason to believe that it has expired.
/// </para>
/// </summary>
/// <example><c>--Simulator:Weather:Seed 7</c>, or <c>PATCH /simulator/behaviour</c> with <c>{"weather": {"seed": 7}}</c>.</example>
/// <param name="Seed">What the troubles are drawn from.</param>
/// <param name="Gusts">Which part of all calls is struck by a gust, from 0 to 1.</param>
/// <param name="Storms">Which part of the time a storm lasts, from 0 to 1.</param>
/// <param name="StormSeconds">How long a storm lasts at least, in seconds, 1 or more: a token that lapses comes back after it.</param>
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

    /// <summary>What strikes a call, if anything does.</summary>
    /// <param name="call">Its kind.</param>
    /// <param name="request">The number of the request it asks about, in the order of acceptance; -1 for none.</param>
    /// <param name="number">Which call of this kind about this request it is, from 1.</param>
    /// <param name="now">When it comes in.</param>
    /// <param name="behaviour">How the provider behaves otherwise.</param>
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

    /// <summary>The details: how long a Retry-After, and by whose clock; where an answer breaks off, and how slowly it comes.</summary>
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

    /// <summary>The same for the same numbers, and unlike for all others (the finaliser of SplitMix64).</summary>
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

/// <summary>A fault that strikes a call, and how the provider behaves in that call.</summary>
internal sealed record Strike(Fault Fault, Behaviour Behaviour);
