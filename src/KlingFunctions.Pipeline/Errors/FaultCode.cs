namespace KlingFunctions.Pipeline.Errors;

/// <summary>The codes of <see cref="Fault"/>. They are part of the HTTP contract: never rename one.</summary>
public static class FaultCode
{
    /// <summary>The body is not JSON in UTF-8.</summary>
    public const string InvalidJson = "invalid_json";

    /// <summary>A value has the wrong JSON type.</summary>
    public const string WrongType = "wrong_type";

    /// <summary>A required property is missing.</summary>
    public const string Required = "required";

    /// <summary>A text is empty or only white space.</summary>
    public const string Empty = "empty";

    /// <summary>A text or an object is longer than allowed.</summary>
    public const string TooLong = "too_long";

    /// <summary>A list has more entries than allowed, or there are more faults than are listed.</summary>
    public const string TooMany = "too_many";

    /// <summary>A list has fewer entries than required.</summary>
    public const string TooFew = "too_few";

    /// <summary>A value has the right type but is not an accepted one.</summary>
    public const string NotAllowedValue = "not_allowed_value";

    /// <summary>A property is not known at this place.</summary>
    public const string UnknownProperty = "unknown_property";

    /// <summary>A property is repeated.</summary>
    public const string DuplicateProperty = "duplicate_property";

    /// <summary>An address can't be used: see <see cref="Network.UrlRule"/>.</summary>
    public const string InvalidUrl = "invalid_url";

    /// <summary>A reference in the prompt is one that the model would not recognise.</summary>
    public const string MisspeltReference = "misspelt_reference";

    /// <summary>A reference in the prompt has no target in the request.</summary>
    public const string DanglingReference = "dangling_reference";

    /// <summary>An image could not be fetched without a login within the time the provider allows.</summary>
    public const string ImageUnreachable = "image_unreachable";

    /// <summary>The fetched file is not a JPEG, PNG or WebP image.</summary>
    public const string ImageNotAnImage = "image_not_an_image";

    /// <summary>An image has more bytes than allowed.</summary>
    public const string ImageTooLarge = "image_too_large";

    /// <summary>An image has fewer pixels than required.</summary>
    public const string ImageTooSmall = "image_too_small";

    /// <summary>The ratio of an image's width to its height is outside the limits.</summary>
    public const string ImageBadAspect = "image_bad_aspect";

    /// <summary>Warning: the prompt does not refer to an image or element of the request.</summary>
    public const string UnusedReference = "unused_reference";

    /// <summary>Warning: the request has no image, so that only the prompt counts.</summary>
    public const string NoReferenceImages = "no_reference_images";

    /// <summary>Warning: the same image is given more than once.</summary>
    public const string RepeatedImage = "repeated_image";

    /// <summary>Warning: RunComfy did not cancel the request, because it was no longer queued.</summary>
    public const string CancelRefused = "cancel_refused";

    /// <summary>Warning: more files are stored than are listed.</summary>
    public const string OutputsNotListed = "outputs_not_listed";

    /// <summary>Warning: a file beside the video could not be stored.</summary>
    public const string OutputNotStored = "output_not_stored";

    /// <summary>Warning: RunComfy can't be reached at present; polling continues.</summary>
    public const string ProviderUnavailable = "provider_unavailable";

    /// <summary>Warning: RunComfy reports a status that this version does not know; polling continues.</summary>
    public const string ProviderStatusUnknown = "provider_status_unknown";

    /// <summary>Warning: <c>Pipeline:MaxInFlight</c> jobs are in flight; this one waits for a place.</summary>
    public const string InFlightCapReached = "in_flight_cap_reached";

    /// <summary>The day's spending has reached <c>Pipeline:MaxSpendPerDay</c>.</summary>
    public const string SpendCapReached = "spend_cap_reached";

    /// <summary>A spending cap is set, and the price is not known.</summary>
    public const string PriceUnknown = "price_unknown";

    /// <summary>A header can't be used.</summary>
    public const string InvalidHeader = "invalid_header";
}
