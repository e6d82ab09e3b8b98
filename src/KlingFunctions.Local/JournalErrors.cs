using KlingFunctions.Local.Journal;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Http;
using Microsoft.AspNetCore.Diagnostics;

namespace KlingFunctions.Local;

/// <summary>Answers calls with 503 while the journal can't be written, such as on a full disk. The log names the cause.</summary>
internal sealed partial class JournalErrors(ILogger<JournalErrors> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not JournalException) return false;
        LogUnavailable(logger, exception.Message);
        await Problem.Unavailable(
            httpContext, ProblemCode.JournalUnavailable,
            "The host can't use its journal at present; its log says why. Nothing that was accepted is lost: try again.").ExecuteAsync(httpContext);
        return true;
    }

    [LoggerMessage(LogLevel.Error, "A call was answered with 503. {Reason}")]
    private static partial void LogUnavailable(ILogger logger, string reason);
}
