using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The body of <c>resume</c>: none, or how a job in doubt is to go on.</summary>
internal static class ResumeBody
{
    /// <summary>What it wishes, or what is wrong with it.</summary>
    public static (ResumeWish Wish, Fault? Fault) Read(ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty) return (new(), null);
        try
        {
            var wish = JsonSerializer.Deserialize(body.Span, PipelineJson.Default.ResumeWish) ?? new();
            if (wish.RequestId is { } id && !ProviderReply.IsRequestId(id))
                return (new(), new("/request_id", FaultCode.NotAllowedValue, "A request id of RunComfy has 1 to 128 letters, digits, '_' or '-': copy it from RunComfy's site."));
            return (wish, null);
        }
        catch (JsonException)
        {
            return (new(), new("", FaultCode.InvalidJson, "The body must be empty, {\"request_id\": \"…\"} or {\"resubmit\": true}."));
        }
    }
}
