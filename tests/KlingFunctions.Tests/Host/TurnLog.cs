using Google.Protobuf;
using Microsoft.DurableTask.Protobuf;

namespace KlingFunctions.Tests.Host;

/// <summary>A turn of an orchestrator: Durable's request, and the app's answer.</summary>
internal sealed record Turn(OrchestratorRequest Request, OrchestratorResponse Response);

/// <summary>The file in which a host records its turns: see <see cref="TestHost.TestControl.TurnsVariable"/>.</summary>
internal sealed class TurnLog : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public (string Key, string? Value) Setting => (TestHost.TestControl.TurnsVariable, _path);

    public IReadOnlyList<Turn> Read() => [.. File.ReadAllLines(_path).Select(line => line.Split(' ')).Select(parts => new Turn(
        OrchestratorRequest.Parser.ParseFrom(ByteString.FromBase64(parts[0])), OrchestratorResponse.Parser.ParseFrom(ByteString.FromBase64(parts[1]))))];

    public void Dispose() => File.Delete(_path);
}
