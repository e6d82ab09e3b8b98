using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline.Errors;
using KlingFunctions.Pipeline.Uploads;

namespace KlingFunctions.Pipeline.Tests.Uploads;

public class UploadTests
{
    [Theory]
    [InlineData("red.json", UploadKind.Request)]
    [InlineData("shoes/summer/red.JSON", UploadKind.Request)]
    [InlineData("_recipe.json", UploadKind.Recipe)]
    [InlineData("shoes/_recipe.json", UploadKind.Recipe)]
    [InlineData("shoes/red.error.json", UploadKind.ErrorReport)]
    [InlineData("shoes/_recipe.error.json", UploadKind.ErrorReport)]
    [InlineData("shoes/red.jpg", UploadKind.Image)]
    [InlineData("shoes/red.jpeg", UploadKind.Image)]
    [InlineData("shoes/red.PNG", UploadKind.Image)]
    [InlineData("shoes/red.webp", UploadKind.Image)]
    [InlineData("shoes/red.gif", UploadKind.Other)]
    [InlineData("shoes/red", UploadKind.Other)]
    [InlineData("shoes/._red.png", UploadKind.Other)]
    [InlineData("shoes/.json", UploadKind.Other)]
    [InlineData("red.json/readme.txt", UploadKind.Other)]
    public void A_file_is_known_by_its_name(string path, UploadKind kind) => Assert.Equal(kind, Upload.KindOf(path));

    [Fact]
    public void The_same_version_of_the_same_file_is_the_same_job()
    {
        var id = Upload.JobId("shoes/red.json", "0x8DC");
        Assert.Equal(id, Upload.JobId("shoes/red.json", "\"0x8DC\""));
        Assert.Equal(id, Upload.JobId("/shoes/red.json", "0x8DC"));
        Assert.Matches("^vid_[0-9a-f]{32}$", id);
    }

    [Fact]
    public void Another_version_or_another_file_is_another_job() =>
        Assert.Equal(4, new[]
        {
            Upload.JobId("shoes/red.json", "1"), Upload.JobId("shoes/red.json", "2"), Upload.JobId("shoes/Red.json", "1"), Upload.JobId("red.json", "1"),
        }.Distinct().Count());

    [Theory]
    [InlineData("red.png", "_recipe.json")]
    [InlineData("shoes/summer/red.png", "shoes/summer/_recipe.json")]
    public void The_recipe_of_an_image_lies_beside_it(string image, string recipe) => Assert.Equal(recipe, Upload.RecipePath(image));

    [Theory]
    [InlineData("shoes/red.json", "shoes/red.error.json")]
    [InlineData("shoes/red.png", "shoes/red.png.error.json")]
    [InlineData("red.JSON", "red.error.json")]
    public void The_report_lies_beside_the_bad_upload_and_starts_nothing(string path, string report)
    {
        Assert.Equal(report, Upload.ErrorReportPath(path));
        Assert.Equal(UploadKind.ErrorReport, Upload.KindOf(report));
    }

    [Fact]
    public void The_report_is_JSON_that_a_person_can_read()
    {
        var report = Upload.ErrorReport("shoes/größe.json", [new Fault("/prompt", FaultCode.Empty, "The prompt is “empty”: say more.")]);
        var text = Encoding.UTF8.GetString(report);
        Assert.Contains("größe", text, StringComparison.Ordinal);
        Assert.Contains("“empty”", text, StringComparison.Ordinal);
        var json = JsonElement.Parse(text);
        Assert.Equal("shoes/größe.json", json.GetProperty("upload").GetString());
        Assert.Equal("empty", json.GetProperty("faults")[0].GetProperty("code").GetString());
        Assert.True(text.Split('\n').Length > 5);
    }
}
