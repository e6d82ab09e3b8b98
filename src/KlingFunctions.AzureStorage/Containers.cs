namespace KlingFunctions.AzureStorage;

/// <summary>The container names, for the deployment and the code alike.</summary>
public static class Containers
{
    /// <summary>The owner's uploads: requests, recipes, images; and the reports beside those that failed.</summary>
    public const string Uploads = "uploads";

    /// <summary>
    /// Images from <c>POST /api/assets</c>, each named by the hash of its content; and copies of a Local host's images, each below its
    /// hash, for RunComfy to fetch. Kept apart from the uploads, where each image would start a job.
    /// </summary>
    public const string Images = "images";

    /// <summary>Finished videos, and the other files of results.</summary>
    public const string Videos = "videos";

    /// <summary>The ledger of paid submissions.</summary>
    public const string Ledger = "ledger";

    /// <summary>The index of jobs, newest first.</summary>
    public const string Jobs = "jobs";

    /// <summary>The caps on jobs and money, and the slots in flight.</summary>
    public const string Quota = "quota";

    /// <summary>The learned run times.</summary>
    public const string Learned = "learned";

    /// <summary>The batches, and a mark for each ended job of a batch.</summary>
    public const string Batches = "batches";

    /// <summary>Receivers that are notified of every job.</summary>
    public const string Subscriptions = "subscriptions";

    /// <summary>Notifications that could not be delivered.</summary>
    public const string DeadLetters = "dead-letters";

    /// <summary>The key that signs links, unless a setting gives one.</summary>
    public const string Keys = "keys";

    /// <summary>All containers of the Functions app.</summary>
    public static IReadOnlyList<string> All { get; } = [Uploads, Images, Videos, Ledger, Jobs, Quota, Learned, Batches, Subscriptions, DeadLetters, Keys];
}
