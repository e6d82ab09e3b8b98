using System.Net;
using System.Net.Sockets;

namespace KlingFunctions.ComplianceTests.Hosts;

/// <summary>
/// Ports on loopback for hosts that are stopped and started again under the same address. They are below the range from which the system
/// assigns ports to outgoing connections: a port of that range may be assigned to another process while the host is down.
/// </summary>
public static class LoopbackPort
{
    private const int First = 10_000;
    private const int Count = 20_000;

    // Suites run side by side: each process starts its search at another place.
    private static int _next = Environment.ProcessId * 251;

    /// <summary>The address of a port that no other process uses and that this process has not returned before.</summary>
    public static Uri NextAddress()
    {
        while (true)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref _next) % Count);
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return new($"http://127.0.0.1:{port}");
            }
            catch (SocketException)
            {
                // Another process has it.
            }
        }
    }
}
