using KlingFunctions.Local.Cli;

return await CommandLine.RunAsync(args, Terminal.OfThisProcess());
