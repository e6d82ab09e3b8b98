using System.Diagnostics;
using System.Globalization;
using KlingFunctions.ComplianceTests.Node;

namespace KlingFunctions.Benchmarks.Engine;

/// <summary>CPU time of Local's engine alone, compared with DBOS on PostgreSQL and with a bare loop, on the same workflows.</summary>
internal static class EngineBenchmark
{
    private static readonly NpmPackage Dbos = new("@dbos-inc/dbos-sdk", "5.3.0", "dbos", "Runs of the benchmark 'engine'");

    /// <summary>Prints a table; returns the CPU time of a workflow on Local's engine as a share of that on DBOS, PostgreSQL included.</summary>
    public static async Task<double> RunAsync()
    {
        if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException("The benchmark 'engine' reads the CPU time of PostgreSQL's processes from /proc: run it on Linux.");
        var local = await LocalAsync();
        var dbos = await DbosAsync();
        var bare = await MeasureAsync(DotNet(BareLoop.Argument));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                                 CPU a workflow   of it PostgreSQL   workflows a second
            Local's engine      {local.Cpu.TotalMilliseconds,12:F2} ms                      {local.Rate,18:F0}
            DBOS                {dbos.Cpu.TotalMilliseconds,12:F2} ms   {dbos.Server.TotalMilliseconds,13:F2} ms   {dbos.Rate,18:F0}
            bare loop           {bare.Cpu.TotalMilliseconds,12:F2} ms                      {bare.Rate,18:F0}
            """));
        return local.Cpu / dbos.Cpu;
    }

    private static async Task<Contender.Result> LocalAsync()
    {
        var folder = Directory.CreateTempSubdirectory("kling-engine-");
        try
        {
            return await MeasureAsync(DotNet(LocalEngine.Argument, folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<Contender.Result> DbosAsync()
    {
        var folder = await Dbos.EnsureAsync(CancellationToken.None);
        await using var postgres = await PostgresServer.StartAsync();
        int[] numbers = [Workload.WarmUp, Workload.Workflows, Workload.AtOnce, Workload.Steps, Workload.TimerBefore, (int)Workload.Timer.TotalMilliseconds];
        var start = new ProcessStartInfo("node", ["--no-deprecation", Path.Combine(AppContext.BaseDirectory, "Engine", "dbos.mjs"), folder, .. numbers.Select(n => $"{n}")]);
        start.Environment["DBOS_SYSTEM_DATABASE_URL"] = postgres.Database;
        return await MeasureAsync(start, () => postgres.Cpu);
    }

    private static async Task<Contender.Result> MeasureAsync(ProcessStartInfo start, Func<TimeSpan>? serverCpu = null)
    {
        await using var contender = await Contender.StartAsync(start);
        return await contender.MeasureAsync(serverCpu);
    }

    /// <summary>This program with other arguments, with the runtime settings of Local.</summary>
    private static ProcessStartInfo DotNet(params string[] arguments) => new(
        "dotnet",
        [
            "exec", "--runtimeconfig", Path.Combine(AppContext.BaseDirectory, "KlingFunctions.Local.runtimeconfig.json"),
            "--depsfile", Path.ChangeExtension(typeof(EngineBenchmark).Assembly.Location, ".deps.json"), typeof(EngineBenchmark).Assembly.Location, .. arguments,
        ]);
}
