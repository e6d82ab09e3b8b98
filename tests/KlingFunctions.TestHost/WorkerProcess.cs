using System.Diagnostics;
using System.Text.Json;

namespace KlingFunctions.TestHost;

/// <summary>The app in a separate process, started as the Functions host starts it.</summary>
internal static class WorkerProcess
{
    public static async Task<Process> StartAsync(string appDirectory, Uri rpc)
    {
        using var config = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(appDirectory, "worker.config.json")));
        var program = config.RootElement.GetProperty("description").GetProperty("defaultWorkerPath").GetString()!;
        var (workerId, requestId) = (Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        var start = new ProcessStartInfo("dotnet",
        [
            Path.Combine(appDirectory, program),
            "--host", rpc.Host, "--port", $"{rpc.Port}", "--workerId", workerId, "--requestId", requestId, "--grpcMaxMessageLength", $"{int.MaxValue}",
            "--functions-uri", $"{rpc}", "--functions-worker-id", workerId, "--functions-request-id", requestId,
            "--functions-grpc-max-message-length", $"{int.MaxValue}",
        ])
        { WorkingDirectory = appDirectory };
        start.Environment["FUNCTIONS_APPLICATION_DIRECTORY"] = appDirectory;
        return Process.Start(start)!;
    }
}
