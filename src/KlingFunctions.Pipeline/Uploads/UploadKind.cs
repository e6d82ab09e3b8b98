namespace KlingFunctions.Pipeline.Uploads;

/// <summary>What a file among the uploads is, by its name alone.</summary>
public enum UploadKind
{
    /// <summary>Something that starts nothing: any other extension, and names that start with a dot, which systems leave behind.</summary>
    Other,

    /// <summary><c>name.json</c>: a request.</summary>
    Request,

    /// <summary><c>_recipe.json</c>: the request that every image landing in its folder is put into.</summary>
    Recipe,

    /// <summary><c>name.error.json</c>: what was wrong with an upload, written by us.</summary>
    ErrorReport,

    /// <summary><c>.jpg</c>, <c>.jpeg</c>, <c>.png</c> or <c>.webp</c>: starts a job if its folder has a recipe.</summary>
    Image,
}
