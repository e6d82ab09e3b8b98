using Deque.AxeCore.Playwright;
using KlingFunctions.Simulator;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

public sealed class BulkTests(Chromium chromium)
{
    [Fact]
    public async Task Rows_are_selected_by_keyboard_and_cancelled_together()
    {
        await using var stage = await Stage.OpenAsync(chromium, Stage.Quick with { Slots = 0 });
        var ids = new[] { await stage.SubmitUntilAsync("in_queue", "a fox"), await stage.SubmitUntilAsync("in_queue", "a bear") };
        await stage.GoAsync();
        await stage.Page.GetByLabel("Select: a fox").FocusAsync();
        await stage.Page.Keyboard.PressAsync("Space");
        await Expect(stage.Page.GetByText("1 selected")).ToBeVisibleAsync();
        Assert.EndsWith("#/", stage.Page.Url, StringComparison.Ordinal);
        await stage.Page.GetByLabel("1 selected").FocusAsync();
        await stage.Page.Keyboard.PressAsync("Space");
        await Expect(stage.Page.GetByText("2 selected")).ToBeVisibleAsync();
        await Expect(stage.Page.GetByRole(AriaRole.Button, new() { Name = "Resume" })).ToBeDisabledAsync();
        Assert.Empty((await stage.Page.RunAxe()).Violations.Select(v => $"{v.Id}: {v.Help} {string.Join(" ", v.Nodes.Select(n => n.Html))}"));

        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(stage.Page.Locator(".job .state--cancelled")).ToHaveCountAsync(2);
        await Expect(stage.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("Cancel requested for 2 videos.");
        await Expect(stage.Page.GetByLabel("Select all")).ToBeFocusedAsync();
        foreach (var id in ids) Assert.Equal("cancelled", await stage.StatusAsync(id));
    }

    [Fact]
    public async Task Batch_filter_shows_progress_and_resumes_its_failed_jobs_together()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        stage.RunComfy.Inject(new(ApiCall.Submit, FaultKind.BadToken, Times: 2));
        var batch = await stage.SubmitBatchAsync("a fox", "a bear");
        await stage.GoAsync($"/?batch={batch}");
        await Expect(stage.Page.Locator(".job .state--failed")).ToHaveCountAsync(2);
        var other = await stage.SubmitUntilAsync("succeeded", "a wolf");
        await stage.GoAsync();
        await stage.Page.ReloadAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(3);
        await stage.Page.Locator(".job__batch").First.ClickAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(2);
        await Expect(stage.Page.Locator(".of-batch")).ToContainTextAsync("2 of 2 ended");
        await stage.Page.GetByLabel("Select all").CheckAsync();
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Resume" }).ClickAsync();
        await Expect(stage.Page.Locator(".job .state--succeeded")).ToHaveCountAsync(2);
        await stage.Page.GetByRole(AriaRole.Link, new() { Name = "Show all videos" }).ClickAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(3);
        Assert.Equal("succeeded", await stage.StatusAsync(other));
    }
}
