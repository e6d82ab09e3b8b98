using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Jobs;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Pipeline.Http;

/// <summary>The body of <c>resume</c>: empty, or the decision on a job in doubt.</summary>
internal static class ResumeBody
{
    /// <summary>The request in the body, or the fault in it.</summary>
    public static (ResumeRequest Request, Fault? Fault) Read(ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty) return (new(), null);
        try
        {
            var request = StrictJson.Read<ResumeRequest>(body) ?? new();
            if (request.RequestId is { } id && !ProviderReply.IsRequestId(id))
                return (new(), new("/request_id", FaultCode.NotAllowedValue, "A request id of RunComfy has 1 to 128 letters, digits, '_' or '-': copy it from RunComfy's site."));
            return (request, null);
        }
        catch (JsonException)
        {
            return (new(), new("", FaultCode.InvalidJson, "The body must be empty, {\"request_id\": \"…\"} or {\"resubmit\": true}."));
        }
    }
}
