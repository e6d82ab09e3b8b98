using KlingFunctions.Simulator;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

public sealed class JobTests(Chromium chromium)
{
    [Fact]
    public async Task Counts_are_links_and_the_filter_is_in_the_address()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        await stage.SubmitUntilAsync("succeeded");
        stage.RunComfy.Behaviour = Stage.Quick with { FailsWith = "The prompt was refused." };
        await stage.SubmitUntilAsync("failed", "a job that fails");
        await stage.GoAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(2);
        await stage.Page.GetByRole(AriaRole.Link, new() { Name = "Failed 1" }).ClickAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(1);
        Assert.EndsWith("#/?status=failed", stage.Page.Url, StringComparison.Ordinal);
        await stage.Page.ReloadAsync();
        await Expect(stage.Page.Locator(".job__link")).ToHaveTextAsync("a job that fails");
        await Expect(stage.Page.Locator(".job__error")).ToContainTextAsync("The prompt was refused.");
    }

    [Fact]
    public async Task Row_opens_by_keyboard_and_escape_returns_to_it()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        var id = await stage.SubmitUntilAsync("succeeded");
        await stage.GoAsync();
        await stage.Page.Locator(".job__link").FocusAsync();
        await stage.Page.Keyboard.PressAsync("Enter");
        await Expect(stage.Page.Locator(".drawer")).ToBeFocusedAsync();
        Assert.EndsWith($"#/videos/{id}", stage.Page.Url, StringComparison.Ordinal);
        await stage.Page.Keyboard.PressAsync("Escape");
        await Expect(stage.Page.Locator(".drawer")).ToHaveCountAsync(0);
        await Expect(stage.Page.Locator(".job__link")).ToBeFocusedAsync();
    }

    [Fact]
    public async Task Whole_row_is_clickable()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        await stage.SubmitUntilAsync("succeeded");
        await stage.GoAsync();
        await stage.Page.Locator(".job .thumb").ClickAsync(new() { Force = true });
        await Expect(stage.Page.Locator(".drawer .state")).ToHaveTextAsync("Ready");
    }

    [Fact]
    public async Task Queued_job_shows_its_place_and_can_be_cancelled()
    {
        await using var stage = await Stage.OpenAsync(chromium, Stage.Quick with { Slots = 0 });
        var id = await stage.SubmitUntilAsync("in_queue");
        await stage.GoAsync($"/videos/{id}");
        await Expect(stage.Page.Locator(".drawer .state")).ToContainTextAsync("In queue, place");
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(stage.Page.Locator(".drawer .state")).ToHaveTextAsync("Cancelled");
        await Expect(stage.Page.Locator(".stage--bad")).ToContainTextAsync("cancelled here");
    }

    [Fact]
    public async Task Submission_in_doubt_is_resumed_with_the_request_id()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        stage.RunComfy.Inject(new(ApiCall.Submit, FaultKind.Dropped, Late: true));
        var id = await stage.SubmitUntilAsync("failed");
        await stage.GoAsync($"/videos/{id}");
        await Expect(stage.Page.GetByRole(AriaRole.Button, new() { Name = "Submit again" })).ToBeVisibleAsync();
        await stage.Page.GetByLabel("Request id").FillAsync(stage.RunComfy.Account.Accepted[0].RequestId);
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Watch it" }).ClickAsync();
        await Expect(stage.Page.Locator(".drawer .state")).ToHaveTextAsync("Ready");
        Assert.Single(stage.RunComfy.Account.Accepted);
    }

    [Fact]
    public async Task Failed_delivery_shows_its_reason_and_the_next_try()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        stage.Receiver.Status = 500;
        var id = await stage.SubmitUntilAsync("succeeded", webhook: stage.Receiver.Url);
        await stage.GoAsync($"/videos/{id}");
        await Expect(stage.Page.Locator(".receivers")).ToContainTextAsync("Next try");
        await Expect(stage.Page.Locator(".receivers")).ToContainTextAsync("500");
        await Expect(stage.Page.GetByRole(AriaRole.Button, new() { Name = "Send webhooks again" })).ToBeVisibleAsync();
    }
}
