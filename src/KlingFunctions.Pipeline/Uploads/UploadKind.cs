namespace KlingFunctions.Pipeline.Uploads;

/// <summary>The kind of a file among the uploads, by its name alone.</summary>
public enum UploadKind
{
    /// <summary>A file that starts nothing: any other extension, and hidden files (<see cref="Upload.IsHidden"/>).</summary>
    Other,

    /// <summary><c>name.json</c>: a request.</summary>
    Request,

    /// <summary><c>name.jsonl</c>: requests, one a line.</summary>
    Batch,

    /// <summary><c>_recipe.json</c>: the request for every image in its folder.</summary>
    Recipe,

    /// <summary><c>name.error.json</c>: our report on a bad upload.</summary>
    ErrorReport,

    /// <summary><c>.jpg</c>, <c>.png</c>, <c>.webp</c> and the like: starts a job if its folder has a recipe.</summary>
    Image,

    /// <summary><c>.heic</c>, <c>.gif</c> and the like: an image in a format that RunComfy does not accept.</summary>
    UnsupportedImage,
}
