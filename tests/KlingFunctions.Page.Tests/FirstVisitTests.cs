using System.Net;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace KlingFunctions.Page.Tests;

public sealed class FirstVisitTests(Chromium chromium)
{
    [Fact]
    public async Task First_visit_shows_how_to_make_a_video()
    {
        await using var stage = await Stage.OpenAsync(chromium);
        await stage.GoAsync();
        await Expect(stage.Page.GetByRole(AriaRole.Heading, new() { Name = "Make your first video" })).ToBeVisibleAsync();
        await stage.Page.GetByRole(AriaRole.Main).GetByRole(AriaRole.Link, new() { Name = "New video" }).ClickAsync();
        await Expect(stage.Page.GetByLabel("What happens")).ToBeFocusedAsync();
    }

    [Fact]
    public async Task Page_asks_once_for_the_key_and_sends_it_as_a_header()
    {
        await using var stage = await Stage.OpenAsync(chromium, key: "a-key-of-the-tests");
        await stage.SubmitUntilAsync("succeeded");
        await stage.GoAsync();
        await stage.Page.GetByLabel("Key").FillAsync("another-key-altogether");
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Open" }).ClickAsync();
        await Expect(stage.Page.GetByText("The host did not accept this key.")).ToBeVisibleAsync();

        await stage.Page.GetByLabel("Key").FillAsync("a-key-of-the-tests");
        await stage.Page.GetByRole(AriaRole.Button, new() { Name = "Open" }).ClickAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(1);
        await stage.Page.ReloadAsync();
        await Expect(stage.Page.Locator(".job")).ToHaveCountAsync(1);
        Assert.DoesNotContain("a-key-of-the-tests", stage.Page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_needs_no_key_has_a_strict_policy_and_contains_no_data()
    {
        await using var stage = await Stage.OpenAsync(chromium, key: "a-key-of-the-tests");
        await stage.SubmitAsync("a prompt of nobody else");
        using var http = new HttpClient();
        using var page = await http.GetAsync(new Uri(stage.Url), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.StartsWith("default-src 'self';", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        var text = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("a prompt of nobody else", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", text, StringComparison.Ordinal);
        using var jobs = await http.GetAsync(new Uri($"{stage.Url}/api/videos"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, jobs.StatusCode);
        using var nothing = await http.GetAsync(new Uri($"{stage.Url}/page/appsettings.json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
    }
}
