namespace KlingFunctions.Pipeline.Requests;

/// <summary>The limits of an image at its place in the input.</summary>
/// <param name="MaxBytes">The most bytes of the file.</param>
/// <param name="MinWidth">The least width in pixels; 0 for no limit.</param>
/// <param name="MinHeight">The least height in pixels; 0 for no limit.</param>
/// <param name="MinAspect">The least width divided by height; 0 for no limit.</param>
/// <param name="MaxAspect">The greatest width divided by height; <see cref="double.MaxValue"/> for no limit.</param>
public sealed record ImageLimits(long MaxBytes, int MinWidth, int MinHeight, double MinAspect, double MaxAspect);
