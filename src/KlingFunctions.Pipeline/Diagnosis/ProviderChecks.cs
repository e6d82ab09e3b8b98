using System.Globalization;
using KlingFunctions.Pipeline.Notifying;
using KlingFunctions.Pipeline.RunComfy;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Pipeline.Diagnosis;

/// <summary>Checks RunComfy with free calls: token, model, price, balance, and its clock.</summary>
public sealed class ProviderChecks(RunComfyClient runComfy, IOptions<RunComfyOptions> options, TimeProvider time)
{
    private const decimal ShortestVideo = 5;
    private const decimal LongestVideo = 10;

    private static readonly TimeSpan MostClockDifference = TimeSpan.FromMinutes(1);

    /// <summary>Makes the calls.</summary>
    public async Task<IReadOnlyList<Check>> RunAsync(CancellationToken cancellationToken)
    {
        var token = runComfy.CheckTokenAsync(cancellationToken);
        var model = runComfy.GetModelAsync(cancellationToken);
        var balance = runComfy.GetBalanceAsync(cancellationToken);
        await Task.WhenAll(token, model, balance);
        return
        [
            Token(await token, isRunComfy: (await model).Fault is null || (await balance).Fault is null),
            Model(await model), Price(await model), Balance(await balance, await model),
            Clock((await token).Date ?? (await model).Date ?? (await balance).Date),
        ];
    }

    private static Check Token(AccountAnswer<KnownToken> answer, bool isRunComfy) => answer.Fault switch
    {
        { Class: FaultClass.NotFound } when isRunComfy => new(CheckNames.Token, CheckState.Ok, "RunComfy knows the token."),
        null => new(CheckNames.Token, CheckState.Ok, "RunComfy knows the token."),
        { Class: FaultClass.Auth } refused => new(
            CheckNames.Token, CheckState.Failed,
            $"RunComfy refuses the token: set RunComfy:ApiToken to one from your profile on runcomfy.com. It says: {refused.Message}"),
        var away => new(CheckNames.Token, CheckState.Unknown, away.Message),
    };

    private Check Model(AccountAnswer<CatalogueEntry> answer) => answer.Fault switch
    {
        null => new(CheckNames.Model, CheckState.Ok, $"RunComfy has {options.Value.Model}."),
        { Class: FaultClass.NotFound } => new(
            CheckNames.Model, CheckState.Failed, $"RunComfy's catalogue does not have {options.Value.Model}: check RunComfy:Model and RunComfy:BaseUrl."),
        var fault => new(CheckNames.Model, CheckState.Unknown, fault.Message),
    };

    private Check Price(AccountAnswer<CatalogueEntry> answer) => answer switch
    {
        _ when options.Value.PricePerSecond is { } set => new(CheckNames.Price, CheckState.Ok, $"RunComfy:PricePerSecond says {ForVideos(set)}."),
        { Value: { PriceUsd: { } price, PriceUnit: var unit } } when answer.Value.UsdPerSecond is null => new(
            CheckNames.Price, CheckState.Ok, $"The catalogue says {Dollars(price)} ({unit ?? "for what, it does not say"})."),
        { Value: { PriceUsd: { } price } } => new(CheckNames.Price, CheckState.Ok, $"The catalogue says {ForVideos(price)}."),
        { Fault: null } => new(CheckNames.Price, CheckState.Unknown, "The catalogue names no price: see the model's page on runcomfy.com."),
        { Fault: var fault } => new(CheckNames.Price, CheckState.Unknown, fault.Message),
    };

    private Check Balance(AccountAnswer<AccountBalance> balance, AccountAnswer<CatalogueEntry> model)
    {
        if (balance.Fault is { } fault)
            return new(CheckNames.Balance, CheckState.Unknown, $"The balance can't be read: see it on runcomfy.com. {fault.Message}");
        var usd = balance.Value!.Usd;
        var price = options.Value.PricePerSecond ?? model.Value?.UsdPerSecond ?? 0;
        if (usd <= 0 || usd < price * ShortestVideo)
            return new(CheckNames.Balance, CheckState.Failed, $"The balance is {Dollars(usd)}, which pays for no video: add to it on runcomfy.com.");
        return usd < price * LongestVideo
            ? new(CheckNames.Balance, CheckState.Warning, $"The balance is {Dollars(usd)}, which pays for one video of 5 seconds: add to it on runcomfy.com.")
            : new(CheckNames.Balance, CheckState.Ok, $"The balance is {Dollars(usd)}.");
    }

    private Check Clock(DateTimeOffset? theirs)
    {
        if (theirs is not { } date)
            return new(CheckNames.Clock, CheckState.Unknown, "The clock can't be compared: RunComfy's answers have no date.");
        var ahead = time.GetUtcNow() - date;
        var (seconds, way) = (Math.Round(Math.Abs(ahead.TotalSeconds)), ahead > TimeSpan.Zero ? "ahead of" : "behind");
        if (ahead.Duration() <= MostClockDifference) return new(CheckNames.Clock, CheckState.Ok, "The clock agrees with RunComfy's.");
        var found = string.Create(CultureInfo.InvariantCulture, $"The clock is {seconds:N0} seconds {way} RunComfy's: let the system set it by network time.");
        return ahead.Duration() > WebhookSignature.Tolerance
            ? new(CheckNames.Clock, CheckState.Failed, $"{found} Receivers refuse the webhooks, for their timestamps are too far off.")
            : new(CheckNames.Clock, CheckState.Warning, found);
    }

    private static string ForVideos(decimal perSecond) =>
        $"{Dollars(perSecond)} a second: {Dollars(perSecond * ShortestVideo)} for 5 seconds, {Dollars(perSecond * LongestVideo)} for 10";

    private static string Dollars(decimal usd) => string.Create(CultureInfo.InvariantCulture, $"${usd:0.00##}");
}
