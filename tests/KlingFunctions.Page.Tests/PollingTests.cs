using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

public sealed class PollingTests(Chromium chromium)
{
    [Fact]
    public async Task Idle_page_polls_every_30_seconds_and_gets_304()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        await stage.SubmitUntilAsync("succeeded");
        var page = stage.Page;
        await page.Clock.InstallAsync();
        await stage.GoAsync();
        await Expect(page.Locator(".job")).ToHaveCountAsync(1);
        // The page sets its timer when the counts have arrived too. A clock that is paused before that would never reach it.
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        // From here on only the test advances the page's clock, so the speed of the machine does not matter.
        var again = page.WaitForResponseAsync(IsList);
        await page.Clock.PauseAtAsync(DateTime.UtcNow.AddHours(1));
        Assert.Equal(304, (await again).Status);
        var next = page.WaitForResponseAsync(IsList);
        var seconds = 0;
        for (; !next.IsCompleted; seconds++) await page.Clock.RunForAsync(1_000);
        Assert.Equal(304, (await next).Status);
        Assert.True(seconds >= 30, $"It asked again after {seconds} s.");

        static bool IsList(IResponse response) => response.Url.Contains("/api/videos?", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Busy_page_polls_every_3_seconds()
    {
        await using var stage = await Stage.OpenAsync(chromium, Stage.Quick with { Slots = 0 });
        await stage.SubmitUntilAsync("in_queue");
        await stage.Page.Clock.InstallAsync();
        await stage.GoAsync();
        await Expect(stage.Page.Locator(".job .state")).ToContainTextAsync("In queue");
        await stage.Page.RunAndWaitForResponseAsync(
            () => stage.Page.Clock.RunForAsync(3_500), response => response.Url.Contains("/api/videos?", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Hidden_page_does_not_poll()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        await stage.SubmitUntilAsync("succeeded");
        var page = stage.Page;
        await page.Clock.InstallAsync();
        await stage.GoAsync();
        await Expect(page.Locator(".job")).ToHaveCountAsync(1);
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.EvaluateAsync("() => { Object.defineProperty(document, 'hidden', { get: () => true, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }");
        var asked = new List<string>();
        page.Request += (_, request) => asked.Add(request.Url);
        await page.Clock.RunForAsync(300_000);
        Assert.Empty(asked);
        await page.RunAndWaitForResponseAsync(
            () => page.EvaluateAsync("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }"),
            response => response.Url.Contains("/api/videos?", StringComparison.Ordinal));
    }
}
