using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

public sealed class FormTests(Chromium chromium)
{
    [Fact]
    public async Task Video_is_described_checked_sent_watched_and_played()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        var page = stage.Page;
        await stage.GoAsync("/new");
        await page.GetByLabel("Image", new() { Exact = true }).FillAsync(stage.Image("valley.webp"));
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add an element" }).ClickAsync();
        await page.GetByLabel("From the front", new() { Exact = true }).FillAsync(stage.Image("robot-front.png"));
        await page.Keyboard.PressAsync("Enter");
        await page.GetByLabel("From other sides, one at least", new() { Exact = true }).FillAsync(stage.Image("robot-side.jpg"));
        await page.Keyboard.PressAsync("Enter");

        await page.GetByLabel("What happens").FocusAsync();
        await page.Keyboard.TypeAsync("@El");
        await Expect(page.GetByRole(AriaRole.Option, new() { Name = "@Element1" })).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.TypeAsync("walks through @im");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("at dawn");
        await Expect(page.GetByLabel("What happens")).ToHaveValueAsync("@Element1 walks through @Image1 at dawn");
        await Expect(page.GetByText("All checks passed.")).ToBeVisibleAsync();

        await Expect(page.Locator(".price")).ToHaveTextAsync("Price: simulated, nothing is paid");
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the video" }).ClickAsync();
        await Expect(page.Locator(".drawer .state")).ToHaveTextAsync("Ready");
        await Expect(page.Locator(".job__facts")).ToContainTextAsync("$0.56, simulated");
        Assert.Single(stage.RunComfy.Account.Accepted);
        var video = page.Locator(".player video");
        await video.EvaluateAsync("v => { v.muted = true; return v.play(); }");
        await Expect(video).ToHaveJSPropertyAsync("paused", false);
        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Link, new() { Name = "Download" }).ClickAsync());
        Assert.EndsWith(".mp4", download.SuggestedFilename, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Image_of_this_machine_is_uploaded()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        var page = stage.Page;
        using var http = new HttpClient();
        var picture = await http.GetByteArrayAsync(new Uri(stage.Image("valley.webp")), TestContext.Current.CancellationToken);
        await stage.GoAsync("/new");
        await page.GetByLabel("Image: choose a file").SetInputFilesAsync(new FilePayload { Name = "my valley.webp", MimeType = "image/webp", Buffer = picture });
        await Expect(page.Locator(".image")).ToContainTextAsync("my valley.webp");
        await page.GetByLabel("Image: choose a file").SetInputFilesAsync(new FilePayload { Name = "notes.png", MimeType = "image/png", Buffer = picture[..300] });
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("notes.png: The body is an image that breaks off");

        await page.EvaluateAsync(
            """
            async bytes => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], 'dropped.webp', { type: 'image/webp' }));
              document.querySelector('.images').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
            }
            """, picture.Select(b => (int)b).ToArray());
        await Expect(page.Locator(".image")).ToHaveCountAsync(2);

        await page.GetByLabel("What happens").FillAsync("@Image1 at dawn, then @Image2");
        await Expect(page.GetByText("All checks passed.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Make the video" }).ClickAsync();
        await Expect(page.Locator(".drawer .state")).ToHaveTextAsync("Ready");
    }

    [Fact]
    public async Task Video_plays_with_a_host_that_needs_a_key()
    {
        await using var stage = await Stage.OpenAsync(chromium, key: "a-key-of-the-tests");
        var id = await stage.SubmitUntilAsync("succeeded");
        await stage.Page.AddInitScriptAsync("sessionStorage.setItem('kling-key', 'a-key-of-the-tests')");
        await stage.GoAsync($"/videos/{id}");
        var video = stage.Page.Locator(".player video");
        await Expect(video).ToHaveAttributeAsync("src", new System.Text.RegularExpressions.Regex("^blob:"));
        await video.EvaluateAsync("v => { v.muted = true; return v.play(); }");
        await Expect(video).ToHaveJSPropertyAsync("paused", false);
    }

    [Fact]
    public async Task Fault_is_shown_beside_its_field_before_anything_is_sent()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        await stage.GoAsync("/new");
        await stage.Page.GetByLabel("Image", new() { Exact = true }).FillAsync(stage.Image("missing.png"));
        await stage.Page.Keyboard.PressAsync("Enter");
        await stage.Page.GetByLabel("What happens").FillAsync("@Image1 at dawn");
        await Expect(stage.Page.Locator(".image .fault")).ToContainTextAsync("404");
        await Expect(stage.Page.GetByText("1 fault to fix.")).ToBeVisibleAsync();
        Assert.Empty(stage.RunComfy.Account.Accepted);
    }

    [Fact]
    public async Task Job_is_copied_into_the_form_and_submitted_with_changes()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        var id = await stage.SubmitUntilAsync("succeeded");
        await stage.GoAsync($"/videos/{id}");
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Make again with changes" }).ClickAsync();
        await Expect(stage.Page.GetByLabel("What happens")).ToHaveValueAsync("@Element1 walks through @Image1 at dawn and waves, soft light");
        await stage.Page.GetByLabel("What happens").FillAsync("@Element1 dances in @Image1");
        await stage.Page.GetByRole(AriaRole.Radio, new() { Name = "9:16" }).CheckAsync();
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Make the video" }).ClickAsync();
        await Expect(stage.Page.Locator(".drawer .prompt")).ToHaveTextAsync("@Element1 dances in @Image1");
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(2);
    }
}
