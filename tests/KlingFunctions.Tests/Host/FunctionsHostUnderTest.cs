using System.Text.Json;
using KlingFunctions.Contracts.Hosts;

namespace KlingFunctions.Tests.Host;

/// <summary>The Functions app under the suites that all hosts share, in real time.</summary>
internal sealed class FunctionsHostUnderTest(FunctionsHost host) : IHostUnderTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public HttpClient Http => host.Http;

    public TimeProvider Time => TimeProvider.System;

    public async Task<JsonElement> RunUntilAsync(string id, Func<JsonElement, bool> wanted)
    {
        using var limit = new CancellationTokenSource(Patience);
        JsonElement? last = null;
        while (!limit.IsCancellationRequested)
        {
            if (await FindAsync(id) is { } resource)
            {
                if (wanted(resource)) return resource;
                last = resource;
            }
            await Task.Delay(50, CancellationToken.None);
        }
        throw new TimeoutException($"It was not to be in {Patience}, and the job stands so: {last?.GetRawText()}");
    }

    public async Task RunToRestAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        await host.Backend.RestAsync(limit.Token);
    }

    public Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null) => host.KillAsync(changes);

    public ValueTask DisposeAsync() => host.DisposeAsync();

    /// <summary>The job's resource; null if the process dies while it is asked.</summary>
    private async Task<JsonElement?> FindAsync(string id)
    {
        try
        {
            using var answer = await Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative));
            return (int)answer.StatusCode >= 500 ? null : await Scene.JsonOf(answer);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
