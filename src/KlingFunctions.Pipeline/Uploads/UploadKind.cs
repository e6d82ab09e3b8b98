namespace KlingFunctions.Pipeline.Uploads;

/// <summary>What a file among the uploads is, by its name alone.</summary>
public enum UploadKind
{
    /// <summary>Something that starts nothing: any other extension, and what is hidden (<see cref="Upload.IsHidden"/>).</summary>
    Other,

    /// <summary><c>name.json</c>: a request.</summary>
    Request,

    /// <summary><c>_recipe.json</c>: the request that every image landing in its folder is put into.</summary>
    Recipe,

    /// <summary><c>name.error.json</c>: what was wrong with an upload, written by us.</summary>
    ErrorReport,

    /// <summary><c>.jpg</c>, <c>.png</c>, <c>.webp</c> and the like: starts a job if its folder has a recipe.</summary>
    Image,

    /// <summary><c>.heic</c>, <c>.gif</c> and the like: an image of a kind that RunComfy does not accept.</summary>
    UnsupportedImage,
}
