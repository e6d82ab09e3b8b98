using System.Text.Json.Nodes;
using KlingFunctions.Pipeline.Requests;
using static KlingFunctions.Pipeline.Tests.Requests.Reading;

namespace KlingFunctions.Pipeline.Tests.Requests;

public class PromptReferenceTests
{
    [Theory]
    [InlineData("@Element1 and @Element2 in @Image1")]
    [InlineData("(@Element1),@Element2: @Image1's street.")]
    [InlineData("让@Element1在@Image1里与@Element2跳舞")]
    [InlineData("@Element1-style, @Element2... \"@Image1\"")]
    [InlineData("with@Element1 and@Element2 and@Image1")]
    [InlineData("@Element1@Element2@Image1@Image1")]
    public void References_to_existing_images_are_accepted(string prompt)
    {
        var reading = ReadPrompt(prompt, elements: 2, images: 1);
        AssertRequest(reading);
        Assert.Empty(reading.Warnings);
    }

    [Theory]
    [InlineData("@element1", "@Element1")]
    [InlineData("@ELEMENT2", "@Element2")]
    [InlineData("@Element 1", "@Element1")]
    [InlineData("@Element_1", "@Element1")]
    [InlineData("@Element-1", "@Element1")]
    [InlineData("@Element #1", "@Element1")]
    [InlineData("@ Element1", "@Element1")]
    [InlineData("@Elements1", "@Element1")]
    [InlineData("@Elemnt1", "@Element1")]
    [InlineData("@Elemetn2", "@Element2")]
    [InlineData("@Élément1", "@Element1")]
    [InlineData("@Elem1", "@Element1")]
    [InlineData("@Element01", "@Element1")]
    [InlineData("@Element１", "@Element1")]
    [InlineData("@Element1s", "@Element1")]
    [InlineData("@Element1_x", "@Element1")]
    [InlineData("@Element", "@Element1 to @Element2")]
    [InlineData("@elements", "@Element1 to @Element2")]
    [InlineData("@Element walks", "@Element1 to @Element2")]
    [InlineData("@image1", "@Image1")]
    [InlineData("@Images1", "@Image1")]
    [InlineData("@Img1", "@Image1")]
    [InlineData("@img 1 @Imgae1", "@Image1")]
    [InlineData("@Imag1", "@Image1")]
    [InlineData("@Image", "@Image1")]
    [InlineData("让@image1里", "@Image1")]
    public void Misspelt_reference_is_refused_with_the_right_spelling(string prompt, string right) =>
        AssertFault(ReadPrompt(prompt, elements: 2, images: 1), "/prompt", "misspelt_reference", right);

    [Theory]
    [InlineData("＠Element2", "U+FF20")]
    [InlineData("﹫Element2", "U+FE6B")]
    [InlineData("@\u200BElement2", "U+200B")]
    [InlineData("@\u2060Element2", "U+2060")]
    [InlineData("@\uFEFFElement2", "U+FEFF")]
    [InlineData("@Ele\u00ADment2", "U+00AD")]
    [InlineData("@Ele\u200Dment2", "U+200D")]
    [InlineData("@Element\u200B2", "U+200B")]
    [InlineData("@Element\u180E2", "U+180E")]
    [InlineData("@\u202EElement2", "U+202E")]
    [InlineData("@\uFE0FElement2", "U+FE0F")]
    [InlineData("@\u3164Element2", "U+3164")]
    [InlineData("@\u0008Element2", "U+0008")]
    [InlineData("@\U000E0041Element2", "U+E0041")]
    [InlineData("@\u00A0Element2", "U+00A0")]
    [InlineData("@Element\u202F2", "U+202F")]
    [InlineData("@Element\u20112", "U+2011")]
    [InlineData("@Element–2", "U+2013")]
    [InlineData("@Ｅｌｅｍｅｎｔ2", "U+FF25")]
    [InlineData("@𝐄𝐥𝐞𝐦𝐞𝐧𝐭2", "U+1D404")]
    [InlineData("@Element²", "U+00B2")]
    [InlineData("@Element②", "U+2461")]
    [InlineData("@Element𝟐", "U+1D7D0")]
    [InlineData("@Element２", "U+FF12")]
    [InlineData("@\u0415l\u0435m\u0435nt2", "U+0415")]
    [InlineData("@\u0395lement2", "U+0395")]
    public void Reference_that_only_looks_right_is_refused(string prompt, string character) =>
        AssertFault(ReadPrompt($"{prompt} walks", elements: 2, images: 1), "/prompt", "misspelt_reference", "@Element2", character);

    [Theory]
    [InlineData("@\u0406m\u0430g\u04351")]
    [InlineData("＠\u200BIｍage\u200C１")]
    public void Image_reference_that_only_looks_right_is_refused(string prompt) =>
        AssertFault(ReadPrompt(prompt, elements: 1, images: 1), "/prompt", "misspelt_reference", "@Image1");

    [Fact]
    public void Invisible_characters_around_a_reference_do_no_harm() =>
        AssertRequest(ReadPrompt("\u200B@Element1\u200B and \uFE0F@Image1\u2060, “ﬁne” ①, любой ＡＢＣ", 1, 1));

    [Theory]
    [InlineData("robot@Element2.Then it walks")]
    [InlineData("robot@Image4.Then it walks")]
    public void Reference_before_a_full_stop_is_not_a_mail_address(string prompt) =>
        AssertFault(ReadPrompt(prompt, elements: 1, images: 1), "/prompt", "dangling_reference");

    [Theory]
    [InlineData("robot@element2.then it walks")]
    [InlineData("robot＠Element2.Then it walks")]
    [InlineData("write to me@image1.com")]
    public void Mail_address_that_looks_like_a_reference_gets_a_warning(string prompt)
    {
        var reading = ReadPrompt(prompt, elements: 1, images: 1);
        AssertRequest(reading);
        Assert.Contains(reading.Warnings, w => w is { Pointer: "/prompt", Code: "misspelt_reference" });
    }

    [Theory]
    [InlineData("@Element3", 2, 1, "@Element1 to @Element2")]
    [InlineData("@Element0", 2, 1, "@Element1 to @Element2")]
    [InlineData("@Element10", 2, 1, "@Element1 to @Element2")]
    [InlineData("@Element1", 0, 1, "no elements")]
    [InlineData("@Image2", 2, 1, "only @Image1 is")]
    [InlineData("@Image1", 2, 0, "no images")]
    [InlineData("@Element4294967297", 2, 1, "@Element2")]
    public void Reference_to_a_missing_image_is_refused(string prompt, int elements, int images, string says) =>
        AssertFault(ReadPrompt(prompt, elements, images), "/prompt", "dangling_reference", says);

    [Fact]
    public void Number_of_any_length_is_only_a_dangling_reference() =>
        AssertFault(ReadPrompt("@Image" + new string('9', 2_000), 1, 1), "/prompt", "dangling_reference");

    [Theory]
    [InlineData("write to someone@example.com")]
    [InlineData("write to me@image1.com")]
    [InlineData("by @brand and @imagine_dragons, @elementary5, @images_of_mine, @imagine5")]
    [InlineData("meet @ 5, @@, @, @ image")]
    [InlineData("Element1 and Image1 without the sign")]
    public void Other_words_with_an_at_sign_are_ignored(string prompt) => AssertRequest(ReadPrompt(prompt, 1, 1));

    [Fact]
    public void Misspelt_reference_to_a_missing_image_is_reported_for_both() =>
        Assert.Equal(["misspelt_reference", "dangling_reference"], ReadPrompt("@element2", 1, 1).Faults.Select(f => f.Code));

    [Fact]
    public void Each_wrong_reference_is_reported_once() =>
        Assert.Equal(["misspelt_reference", "dangling_reference"],
            ReadPrompt("@element1 @element1 @Image7 @Image7", 1, 1).Faults.Select(f => f.Code));

    [Fact]
    public void Unused_image_gets_a_warning()
    {
        var reading = ReadPrompt("only @Element2 and @Image1", elements: 2, images: 3);
        AssertRequest(reading);
        Assert.Equal(
            [("/elements/0", "unused_reference"), ("/image_urls/1", "unused_reference"), ("/image_urls/2", "unused_reference")],
            reading.Warnings.Select(w => (w.Pointer, w.Code)));
        Assert.Contains("@Element1", reading.Warnings[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Misspelt_reference_is_not_also_called_unused() =>
        Assert.Empty(ReadPrompt("@element1 in @Image1", 1, 1).Warnings);

    [Fact]
    public void Much_too_long_prompt_is_still_checked_for_references() =>
        Assert.Equal(["too_long", "dangling_reference"],
            ReadPrompt(string.Concat(Enumerable.Repeat("a@", 60_000)) + new string('a', 60_000) + "@Image9", 1, 1).Faults.Select(f => f.Code));

    private static RequestReading ReadPrompt(string prompt, int elements, int images) => Read(new JsonObject
    {
        ["prompt"] = prompt,
        ["elements"] = new JsonArray([.. Enumerable.Range(0, elements).Select(_ => Element())]),
        ["image_urls"] = new JsonArray([.. Enumerable.Range(0, images).Select(i => (JsonNode)$"https://example.com/{i}.png")]),
    });
}
