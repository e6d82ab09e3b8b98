namespace KlingFunctions.AzureStorage;

/// <summary>The containers, by what they hold. What deploys the storage and what uses it read the names here.</summary>
public static class Containers
{
    /// <summary>What the owner uploads: requests, recipes, images; and the reports beside those that came to nothing.</summary>
    public const string Uploads = "uploads";

    /// <summary>
    /// Copies of the images that lie on one machine, each below the hash of its content, for RunComfy to fetch. Not among the uploads, where
    /// each would start a job if a Functions app has the same account.
    /// </summary>
    public const string Images = "images";

    /// <summary>Finished videos, and what else results named.</summary>
    public const string Videos = "videos";

    /// <summary>What was paid for.</summary>
    public const string Ledger = "ledger";

    /// <summary>The index of jobs, newest first.</summary>
    public const string Jobs = "jobs";

    /// <summary>The spending guards.</summary>
    public const string Quota = "quota";

    /// <summary>Receivers that are told of every job.</summary>
    public const string Subscriptions = "subscriptions";

    /// <summary>Notifications that were given up.</summary>
    public const string DeadLetters = "dead-letters";

    /// <summary>The key that signs links, where no setting gives one.</summary>
    public const string Keys = "keys";

    /// <summary>All that the Functions app needs.</summary>
    public static IReadOnlyList<string> All { get; } = [Uploads, Videos, Ledger, Jobs, Quota, Subscriptions, DeadLetters, Keys];
}
