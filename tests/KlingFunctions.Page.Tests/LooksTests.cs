using Deque.AxeCore.Playwright;
using KlingFunctions.Simulator;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

/// <summary>
/// Each view in light, in dark and on a phone: axe reports nothing, and nothing is wider than the window. With <c>PICTURES</c> set to a
/// folder, pictures of the views are written there; the README's are two of them.
/// </summary>
public sealed class LooksTests(Chromium chromium)
{
    public static TheoryData<string> Looks => ["light", "dark", "phone"];

    [Theory, MemberData(nameof(Looks))]
    public async Task Views_are_accessible_and_fit(string look)
    {
        await using var stage = await Stage.OpenAsync(chromium, options: OptionsFor(look));
        await stage.GoAsync();
        await Expect(stage.Page.Locator(".welcome")).ToBeVisibleAsync();
        await CheckAsync(stage, look, "welcome");

        stage.Receiver.Status = 500;
        var succeeded = await stage.SubmitUntilAsync("succeeded", "@Element1 walks through @Image1 at dawn and waves, soft light", stage.Receiver.Url);
        await stage.SubmitUntilAsync("succeeded", "@Element1 looks over @Image1, slow pan to the sun");
        stage.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped, Late: true));
        var failed = await stage.SubmitUntilAsync("failed", "@Element1 runs down the hills of @Image1");
        stage.RunComfy.Behaviour = Stage.Quick with { NeverFinishes = true, Slots = 1 };
        await stage.SubmitUntilAsync("in_progress", "@Element1 plants a lantern in @Image1 at night");
        await stage.SubmitUntilAsync("in_queue", "@Element1 and its shadow dance on @Image1");
        await stage.Page.ReloadAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(5);
        await CheckAsync(stage, look, "list");
        await stage.Page.GetByLabel("Select all").CheckAsync();
        await CheckAsync(stage, look, "selected");
        await stage.Page.GetByLabel("5 selected").UncheckAsync();

        await stage.GoAsync($"/videos/{failed}");
        await Expect(stage.Page.Locator(".failure")).ToBeVisibleAsync();
        await CheckAsync(stage, look, "failed");

        await stage.GoAsync($"/videos/{succeeded}");
        await Expect(stage.Page.Locator(".receivers")).ToContainTextAsync("500");
        await stage.Page.Locator(".player video").EvaluateAsync("v => new Promise(done => { v.onseeked = done; v.currentTime = 1; })");
        await CheckAsync(stage, look, "ready");

        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Make again with changes" }).ClickAsync();
        await Expect(stage.Page.GetByText("All checks passed.")).ToBeVisibleAsync();
        await CheckAsync(stage, look, "form");
    }

    [Theory, MemberData(nameof(Looks))]
    public async Task Key_prompt_is_accessible(string look)
    {
        await using var stage = await Stage.OpenAsync(chromium, key: "a-key-of-the-tests", options: OptionsFor(look));
        await stage.GoAsync();
        await Expect(stage.Page.GetByLabel("Key")).ToBeFocusedAsync();
        await CheckAsync(stage, look, "key");
    }

    private static BrowserNewContextOptions OptionsFor(string look) => new()
    {
        ColorScheme = look is "dark" ? ColorScheme.Dark : ColorScheme.Light,
        ViewportSize = look is "phone" ? new() { Width = 360, Height = 740 } : new() { Width = 1280, Height = 800 },
        ReducedMotion = ReducedMotion.Reduce,
    };

    private static async Task CheckAsync(Stage stage, string look, string view)
    {
        var found = await stage.Page.RunAxe();
        Assert.Empty(found.Violations.Select(v => $"{look}, {view}: {v.Id}: {v.Help} {string.Join(" ", v.Nodes.Select(n => n.Html))}"));
        var overflow = await stage.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.Equal(0, overflow);
        if (Environment.GetEnvironmentVariable("PICTURES") is { Length: > 0 } folder)
            await stage.Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"page-{view}-{look}.png"), Animations = ScreenshotAnimations.Disabled });
    }
}
