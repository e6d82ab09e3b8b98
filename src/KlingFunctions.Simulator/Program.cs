using System.Net.Sockets;
using System.Runtime.InteropServices;
using KlingFunctions.Simulator;

// dotnet run --project src/KlingFunctions.Simulator -- --urls http://127.0.0.1:5080 --Simulator:RunTime 00:00:20
var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddCommandLine(args).Build();
Behaviour behaviour;
try
{
    behaviour = Knobs.Read(configuration);
}
catch (FormatException problem)
{
    Console.Error.WriteLine(problem.Message);
    return 64;
}

var stopped = new TaskCompletionSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopped.TrySetResult();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    await using var simulator = await SimulatorHost.StartAsync(behaviour, url: configuration["urls"] ?? "http://127.0.0.1:5080");
    Console.WriteLine($"RunComfy's Model API, simulated, at {simulator.BaseUrl}. Ctrl-C ends it.");
    Console.WriteLine($"What it can do: {new Uri(simulator.BaseUrl, "simulator")}");
    await stopped.Task;
    return 0;
}
catch (ArgumentException problem)
{
    Console.Error.WriteLine(problem.Message);
    return 64;
}
catch (Exception problem) when (problem is IOException or SocketException)
{
    Console.Error.WriteLine(problem.Message);
    return 69;
}
