using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

/// <summary>The page on the Functions app, whose host and worker are processes, with Azurite as its storage.</summary>
public sealed class FunctionsHostTests(Chromium chromium)
{
    // Durable's queues are polled, and two suites share the machine.
    private const int Patience = 120_000;

    [Fact]
    public async Task Video_of_a_local_picture_is_made_played_and_cancelled_behind_the_function_key()
    {
        await using var stage = await Stage.OpenOnFunctionsAsync(chromium);
        var page = stage.Page;
        await stage.GoAsync();
        await CheckAsync(page, "key");
        await page.GetByLabel("Key").FillAsync(Stage.FunctionKey);
        await page.GetByRole(AriaRole.Button, new() { Name = "Open" }).ClickAsync();
        await page.GetByRole(AriaRole.Main).GetByRole(AriaRole.Link, new() { Name = "New video" }).ClickAsync();

        using var http = new HttpClient();
        var picture = await http.GetByteArrayAsync(new Uri(stage.Image("valley.webp")), TestContext.Current.CancellationToken);
        await page.GetByLabel("Image: choose a file").SetInputFilesAsync(new FilePayload { Name = "my valley.webp", MimeType = "image/webp", Buffer = picture });
        await Expect(page.Locator(".image")).ToContainTextAsync("my valley.webp");
        await page.GetByLabel("What happens").FillAsync("@Image1 at dawn");
        await Expect(page.GetByText("All checks passed.")).ToBeVisibleAsync();
        await Expect(page.Locator(".price")).ToHaveTextAsync("Price: simulated, nothing is paid");
        await CheckAsync(page, "form");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the video" }).ClickAsync();

        await Expect(page.Locator(".drawer .state")).ToHaveTextAsync("Ready", new() { Timeout = Patience });
        Assert.Single(stage.RunComfy.Account.Accepted);
        var video = page.Locator(".player video");
        await video.EvaluateAsync("v => { v.muted = true; return v.play(); }");
        await Expect(video).ToHaveJSPropertyAsync("paused", false);
        await CheckAsync(page, "drawer");

        stage.RunComfy.Behaviour = Stage.Quick with { Slots = 0 };
        var waiting = await stage.SubmitUntilAsync("in_queue", "a fox");
        await stage.GoAsync();
        await page.ReloadAsync();
        await Expect(page.Locator(".job")).ToHaveCountAsync(2);
        await CheckAsync(page, "list");
        await page.GetByLabel("Select: a fox").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(page.Locator(".job .state--cancelled")).ToHaveCountAsync(1, new() { Timeout = Patience });
        Assert.Equal("cancelled", await stage.StatusAsync(waiting));
    }

    /// <summary>Nothing that axe complains about, in light, in dark and on a phone.</summary>
    private static async Task CheckAsync(IPage page, string view)
    {
        var window = page.ViewportSize!;
        foreach (var (scheme, width) in new[] { (ColorScheme.Light, window.Width), (ColorScheme.Dark, window.Width), (ColorScheme.Light, 360) })
        {
            await page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            await page.SetViewportSizeAsync(width, window.Height);
            var found = await page.RunAxe();
            Assert.Empty(found.Violations.Select(v => $"{view}, {scheme}, {width}: {v.Id}: {v.Help} {string.Join(" ", v.Nodes.Select(n => n.Html))}"));
        }
        await page.SetViewportSizeAsync(window.Width, window.Height);
    }
}
