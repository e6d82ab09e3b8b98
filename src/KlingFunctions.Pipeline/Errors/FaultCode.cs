namespace KlingFunctions.Pipeline.Errors;

/// <summary>The codes of <see cref="Fault"/>. They are part of the HTTP contract: one is never renamed.</summary>
public static class FaultCode
{
    /// <summary>The body is not JSON in UTF-8.</summary>
    public const string InvalidJson = "invalid_json";

    /// <summary>A value has another JSON type than is taken there.</summary>
    public const string WrongType = "wrong_type";

    /// <summary>A property that must be there is not.</summary>
    public const string Required = "required";

    /// <summary>A text is empty or nothing but white space.</summary>
    public const string Empty = "empty";

    /// <summary>A text or an object is longer than is taken.</summary>
    public const string TooLong = "too_long";

    /// <summary>A list has more entries than are taken, or there are more faults than are listed.</summary>
    public const string TooMany = "too_many";

    /// <summary>A list has fewer entries than are needed.</summary>
    public const string TooFew = "too_few";

    /// <summary>A value is of the right type and not one of those that are taken.</summary>
    public const string NotAllowedValue = "not_allowed_value";

    /// <summary>A property that this place does not know.</summary>
    public const string UnknownProperty = "unknown_property";

    /// <summary>A property that is there more than once.</summary>
    public const string DuplicateProperty = "duplicate_property";

    /// <summary>An address that cannot be used: see <see cref="Network.UrlRule"/>.</summary>
    public const string InvalidUrl = "invalid_url";

    /// <summary>A reference in the prompt that the model would not recognise.</summary>
    public const string MisspeltReference = "misspelt_reference";

    /// <summary>A reference in the prompt to something that the request does not hold.</summary>
    public const string DanglingReference = "dangling_reference";

    /// <summary>An image could not be fetched without a login within the time the provider allows.</summary>
    public const string ImageUnreachable = "image_unreachable";

    /// <summary>What was fetched is not a JPEG, PNG or WebP image.</summary>
    public const string ImageNotAnImage = "image_not_an_image";

    /// <summary>An image has more bytes than are taken.</summary>
    public const string ImageTooLarge = "image_too_large";

    /// <summary>An image has fewer pixels than are needed.</summary>
    public const string ImageTooSmall = "image_too_small";

    /// <summary>An image is too wide or too tall for its other side.</summary>
    public const string ImageBadAspect = "image_bad_aspect";

    /// <summary>Warning: something that was given is never referred to in the prompt.</summary>
    public const string UnusedReference = "unused_reference";

    /// <summary>Warning: there is no image at all, so that only the prompt counts.</summary>
    public const string NoReferenceImages = "no_reference_images";

    /// <summary>Warning: the same image is given more than once.</summary>
    public const string RepeatedImage = "repeated_image";

    /// <summary>Warning: RunComfy did not cancel the request, because it was no longer queued.</summary>
    public const string CancelRefused = "cancel_refused";

    /// <summary>Warning: more files are stored than are listed.</summary>
    public const string OutputsNotListed = "outputs_not_listed";

    /// <summary>Warning: RunComfy can't be reached at present, and is asked again.</summary>
    public const string ProviderUnavailable = "provider_unavailable";

    /// <summary>Warning: RunComfy reports a status that this version does not know, and is asked again.</summary>
    public const string ProviderStatusUnknown = "provider_status_unknown";

    /// <summary>Warning: as many jobs are in flight as <c>Pipeline:MaxInFlight</c> allows; this one waits for a place.</summary>
    public const string InFlightCapReached = "in_flight_cap_reached";

    /// <summary>A header that can't be used.</summary>
    public const string InvalidHeader = "invalid_header";
}
