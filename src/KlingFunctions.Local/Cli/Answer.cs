using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary>A host's response.</summary>
/// <param name="From">The host's address.</param>
/// <param name="Body">The response body.</param>
internal sealed record Answer(string From, byte[] Body)
{
    // Required properties must be present, so that JSON of another program is not read as an empty job.
    private static readonly JsonSerializerOptions Strict = new(PipelineJson.Default.Options)
    {
        RespectNullableAnnotations = true,
        TypeInfoResolver = PipelineJson.Default.WithAddedModifier(static type =>
        {
            foreach (var property in type.Properties.Where(p => !p.IsSetNullable)) property.IsRequired = true;
        }),
    };

    /// <summary>Deserializes the body.</summary>
    /// <exception cref="ExitException">The response is not from a KlingFunctions host.</exception>
    public T As<T>()
    {
        try
        {
            return JsonSerializer.Deserialize(Body, (JsonTypeInfo<T>)Strict.GetTypeInfo(typeof(T))) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new ExitException(ExitCodes.Unavailable, $"{From} answers, but not as KlingFunctions does: is --url right?");
        }
    }
}

/// <summary>The host refused the call.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="answer">The host's response.</param>
/// <param name="problem">The reason; null if the response is not a problem document.</param>
/// <param name="retryAfter">How long to wait before the next try.</param>
internal sealed class RefusedException(HttpStatusCode status, Answer answer, Problem? problem, TimeSpan? retryAfter)
    : Exception(problem?.Detail ?? $"{answer.From} answers {(int)status}, and not as KlingFunctions does: is --url right?")
{
    public HttpStatusCode Status { get; } = status;

    public Answer Answer { get; } = answer;

    public Problem? Problem { get; } = problem;

    public TimeSpan? RetryAfter { get; } = retryAfter;
}
