using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KlingFunctions.Pipeline;
using KlingFunctions.Pipeline.Http;

namespace KlingFunctions.Local.Cli;

/// <summary>What a host answered.</summary>
/// <param name="From">Which host.</param>
/// <param name="Body">Its words.</param>
internal sealed record Answer(string From, byte[] Body)
{
    // What may not be null has to be there: another program's JSON is not to be taken for an empty job.
    private static readonly JsonSerializerOptions Strict = new(PipelineJson.Default.Options)
    {
        RespectNullableAnnotations = true,
        TypeInfoResolver = PipelineJson.Default.WithAddedModifier(static type =>
        {
            foreach (var property in type.Properties.Where(p => !p.IsSetNullable)) property.IsRequired = true;
        }),
    };

    /// <summary>What it means.</summary>
    /// <exception cref="ExitException">Nothing that a host of ours says.</exception>
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

/// <summary>The host said no.</summary>
/// <param name="status">How.</param>
/// <param name="answer">In its own words.</param>
/// <param name="problem">Why; null if it did not say so in our way.</param>
/// <param name="retryAfter">When to ask again.</param>
internal sealed class RefusedException(HttpStatusCode status, Answer answer, Problem? problem, TimeSpan? retryAfter)
    : Exception(problem?.Detail ?? $"{answer.From} answers {(int)status}, and not as KlingFunctions does: is --url right?")
{
    public HttpStatusCode Status { get; } = status;

    public Answer Answer { get; } = answer;

    public Problem? Problem { get; } = problem;

    public TimeSpan? RetryAfter { get; } = retryAfter;
}
