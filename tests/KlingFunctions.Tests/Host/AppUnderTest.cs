using System.Text.Json;
using KlingFunctions.ComplianceTests.Hosts;

namespace KlingFunctions.Tests.Host;

/// <summary>The Functions app in the suites for all hosts, in real time.</summary>
internal sealed class AppUnderTest(AppProcess app) : IHostUnderTest
{
    // An interrupted step runs again after the visibility timeout of one minute; an interrupted submission is resolved after two more.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(2);

    public HttpClient Http => app.Http;

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
            await Task.Delay(TimeSpan.FromMilliseconds(800), CancellationToken.None);
        }
        throw new TimeoutException($"Not within {Patience}. The job: {last?.GetRawText()} {app.LastLines}");
    }

    /// <summary>Polls do not count as work: they only wait for the provider.</summary>
    public async Task RunToRestAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        var (seen, since) = ("", TimeProvider.System.GetTimestamp());
        while (TimeProvider.System.GetElapsedTime(since) < Quiet)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(500), limit.Token);
            var counts = (await app.InvocationsAsync()).Where(i => i.Key is not ("Poll" or "GenerateVideo")).OrderBy(i => i.Key, StringComparer.Ordinal);
            var now = string.Join(' ', counts);
            if (now == seen && counts.All(i => i.Value.Begun == i.Value.Ended) && await app.HasNoVisibleMessageAsync()) continue;
            (seen, since) = (now, TimeProvider.System.GetTimestamp());
        }
    }

    public Task KillAsync(IReadOnlyDictionary<string, string?>? changes = null) => app.RestartAsync(changes);

    public ValueTask DisposeAsync() => app.DisposeAsync();

    /// <summary>The job's resource; null if the process dies during the call.</summary>
    private async Task<JsonElement?> FindAsync(string id)
    {
        try
        {
            using var answer = await Http.GetAsync(new Uri($"/api/videos/{id}", UriKind.Relative));
            return answer.IsSuccessStatusCode ? await Scene.JsonOf(answer) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
