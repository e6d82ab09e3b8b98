// The test command: dotnet run test.cs
// Finds out which packages the feed serves, builds what can be built, runs every suite, and says what it did.
#:property PublishAot=false
#:property NoWarn=CS1591

using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Xml.Linq;

var root = Directory.GetCurrentDirectory();
if (!File.Exists(Path.Combine(root, "KlingFunctions.sln")))
{
    Console.Error.WriteLine("Run this from the top of the repository: dotnet run test.cs");
    return 64;
}

var forwarded = string.Join(' ', args);
var suites = Directory.GetFiles("tests", "*.csproj", SearchOption.AllDirectories)
    .Select(Suite.Read).Where(s => s.IsTestProject).OrderBy(s => s.Name, StringComparer.Ordinal).ToList();
var azureProjects = Directory.GetFiles(".", "*.csproj", SearchOption.AllDirectories)
    .Select(Suite.Read).Where(s => s.NeedsAzurePackages).ToList();

var azure = true;
var leftOut = "";
foreach (var project in azureProjects)
{
    var (code, output) = Run("dotnet", $"restore \"{project.Path}\"", echo: false);
    if (code == 0) continue;
    var missing = Regex.Matches(output, @"NU110[1-3]: Unable to find (?:a stable )?package ([\w.]+)")
        .Select(m => m.Groups[1].Value.TrimEnd('.')).Distinct().ToList();
    if (missing.Count == 0)
    {
        Console.Error.WriteLine(output);
        Console.Error.WriteLine($"{project.Name} could not be restored, and not because the feed lacks a package: see above.");
        return 1;
    }
    azure = false;
    leftOut = $"this feed does not serve {missing[0]}{(missing.Count == 1 ? "" : $" and {missing.Count - 1} more packages that they need")}";
    break;
}

// MSBuild reads its properties from the environment too, and so every command below sees this one.
Environment.SetEnvironmentVariable("AzurePackages", azure ? "true" : "false");
Say($"Building KlingFunctions.sln ({(azure ? "all projects" : "without the Azure Functions projects: " + leftOut)})");
if (Run("dotnet", $"build KlingFunctions.sln -c Release -v quiet -nologo", echo: true).Code != 0) return 1;

Say("Checking the format");
// Style and analyzers are part of the build, where a warning is an error: what is left to look at is the white space.
if (Run("dotnet", "format whitespace KlingFunctions.sln --verify-no-changes --no-restore", echo: true).Code != 0)
{
    Console.Error.WriteLine("The code is not formatted: run 'dotnet format KlingFunctions.sln' and commit the result.");
    return 1;
}

// Two at a time, for most of them wait more than they compute: each tells what it has to say when it is done.
int passed = 0, failed = 0, skipped = 0;
var report = new SortedDictionary<string, string>(StringComparer.Ordinal);
var toRun = suites.Where(s => azure || !s.NeedsAzurePackages).OrderByDescending(s => s.NeedsAzurePackages).ToList();
foreach (var suite in suites.Except(toRun)) report[suite.Name] = $"  left out  {suite.Name}: {leftOut}";
Say($"Running {string.Join(", ", toRun.Select(s => s.Name))}");
await Parallel.ForEachAsync(toRun, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (suite, _) =>
{
    // Not on the loop's own thread: it waits for a process.
    var (code, output) = await Task.Run(() => Run("dotnet", $"test --project \"{suite.Path}\" -c Release --no-build {forwarded}", echo: false));
    int Count(string word) => Regex.Match(output, $@"^\s*{word}: (\d+)", RegexOptions.Multiline) is { Success: true } m ? int.Parse(m.Groups[1].Value) : 0;
    int ok = Count("succeeded"), bad = Count("failed"), skip = Count("skipped");
    if (code != 0 && bad == 0) bad = 1;
    lock (report)
    {
        Say(suite.Name);
        Console.Write(output);
        passed += ok;
        failed += bad;
        skipped += skip;
        report[suite.Name] = $"  {(bad == 0 ? "ran     " : "FAILED  ")}  {suite.Name}: {ok} passed, {bad} failed, {skip} skipped";
    }
});

Say("Suites");
foreach (var line in report.Values) Console.WriteLine(line);
if (azure)
{
    Console.WriteLine(azureProjects.Count == 0
        ? "  No project needs the Azure Functions and Durable packages yet: nothing was left out."
        : "  The feed serves the Azure Functions and Durable packages: nothing was left out.");
}
Console.WriteLine($"{passed} passed, {failed} failed, {skipped} skipped");
return failed == 0 && passed > 0 ? 0 : 1;

static void Say(string text) => Console.WriteLine($"\n== {text}");

static (int Code, string Output) Run(string command, string arguments, bool echo)
{
    var start = new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
    using var process = Process.Start(start) ?? throw new InvalidOperationException($"{command} did not start.");
    var output = new System.Text.StringBuilder();
    void Take(string? line)
    {
        if (line is null) return;
        lock (output) output.AppendLine(line);
        if (echo) Console.WriteLine(line);
    }
    process.OutputDataReceived += (_, e) => Take(e.Data);
    process.ErrorDataReceived += (_, e) => Take(e.Data);
    process.BeginOutputReadLine();
    process.BeginErrorReadLine();
    process.WaitForExit();
    return (process.ExitCode, output.ToString());
}

internal sealed record Suite(string Name, string Path, bool IsTestProject, bool NeedsAzurePackages)
{
    public static Suite Read(string path)
    {
        var project = XDocument.Load(path);
        bool Is(string name, string value) => project.Descendants(name).Any(e => e.Value == value);
        return new(System.IO.Path.GetFileNameWithoutExtension(path), path,
            path.Replace('\\', '/').Contains("tests/") && !Is("IsTestProject", "false"), Is("NeedsAzurePackages", "true"));
    }
}
