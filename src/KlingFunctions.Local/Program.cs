using KlingFunctions.Local;

await using var app = LocalHost.Build(new Dictionary<string, string?>());
await app.RunAsync();
