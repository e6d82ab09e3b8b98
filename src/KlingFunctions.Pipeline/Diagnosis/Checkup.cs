namespace KlingFunctions.Pipeline.Diagnosis;

/// <summary>The state of a check, from best to worst.</summary>
public enum CheckState
{
    /// <summary>No problem.</summary>
    Ok,

    /// <summary>Jobs run, but with a defect.</summary>
    Warning,

    /// <summary>The check could not be made.</summary>
    Unknown,

    /// <summary>Jobs will fail.</summary>
    Failed,
}

/// <summary>The check of one thing that a job needs.</summary>
/// <param name="Name">One of <see cref="CheckNames"/>.</param>
/// <param name="State">Its state.</param>
/// <param name="Message">The finding, and how to fix it.</param>
public sealed record Check(string Name, CheckState State, string Message);

/// <summary>Free checks of everything that a job needs.</summary>
/// <param name="State">The worst of the checks.</param>
/// <param name="Checks">The checks, always complete and in this order.</param>
public sealed record Checkup(CheckState State, IReadOnlyList<Check> Checks);

/// <summary>The names of the checks.</summary>
public static class CheckNames
{
    /// <summary>RunComfy knows the token.</summary>
    public const string Token = "token";

    /// <summary>RunComfy has the model.</summary>
    public const string Model = "model";

    /// <summary>The price of a video in the catalogue.</summary>
    public const string Price = "price";

    /// <summary>The account can pay for a video.</summary>
    public const string Balance = "balance";

    /// <summary>This host's clock agrees with RunComfy's.</summary>
    public const string Clock = "clock";

    /// <summary>Jobs and videos can be stored.</summary>
    public const string Store = "store";

    /// <summary>The base address of links leads to this host.</summary>
    public const string PublicAddress = "public_address";

    /// <summary>Webhooks are signed.</summary>
    public const string WebhookSecret = "webhook_secret";

    /// <summary>Every name, in the order of a checkup.</summary>
    public static IReadOnlyList<string> All { get; } = [Token, Model, Price, Balance, Clock, Store, PublicAddress, WebhookSecret];
}
