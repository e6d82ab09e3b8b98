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
    [InlineData("shoes/red.jfif", UploadKind.Image)]
    [InlineData("shoes/red.JPE", UploadKind.Image)]
    [InlineData("shoes/_Recipe.JSON", UploadKind.Recipe)]
    [InlineData("shoes/red.gif", UploadKind.UnsupportedImage)]
    [InlineData("shoes/IMG_0001.HEIC", UploadKind.UnsupportedImage)]
    [InlineData("shoes/red.tiff", UploadKind.UnsupportedImage)]
    [InlineData("shoes/red", UploadKind.Other)]
    [InlineData("shoes/._red.png", UploadKind.Other)]
    [InlineData("shoes/.json", UploadKind.Other)]
    [InlineData("red.json/readme.txt", UploadKind.Other)]
    public void Kind_of_a_file_follows_from_its_name(string path, UploadKind kind) => Assert.Equal(kind, Upload.KindOf(path));

    [Theory]
    [InlineData(".Trash-1000/files/walk.json")]
    [InlineData("spin/.stversions/one.png")]
    [InlineData(".stfolder/walk.json")]
    [InlineData(".sync/Archive/walk.json")]
    [InlineData("spin/.snapshot/hourly.0/one.png")]
    [InlineData("spin/.AppleDouble/one.png")]
    [InlineData("spin/@eaDir/one.png")]
    [InlineData("spin/@EADIR/one.png/SYNOPHOTO_THUMB_XL.jpg")]
    [InlineData("@Recycle/one.png")]
    [InlineData("#recycle/one.png")]
    [InlineData("#snapshot/spin/one.png")]
    [InlineData("~snapshot/spin/one.png")]
    [InlineData("$RECYCLE.BIN/S-1-5/$R1.png")]
    [InlineData("System Volume Information/one.png")]
    [InlineData("lost+found/walk.json")]
    [InlineData("__MACOSX/spin/one.png")]
    [InlineData("Network Trash Folder/one.png")]
    [InlineData("walk.json.sb-1a2b3c4d-AbC123/walk.json")]
    [InlineData("spin/~$walk.json")]
    [InlineData("spin/~syncthing~one.png")]
    [InlineData("spin/upload.tmp/one.png")]
    [InlineData("spin/one.png.part")]
    [InlineData("spin/one.png.crdownload")]
    [InlineData("spin/one.png.filepart")]
    [InlineData("spin/one.png.3fa9.partial")]
    [InlineData("spin/walk.json~")]
    [InlineData("spin/Thumbs.db")]
    [InlineData("desktop.ini")]
    [InlineData("one.png:Zone.Identifier")]
    public void Folders_and_files_of_operating_systems_start_nothing(string path)
    {
        Assert.Equal(UploadKind.Other, Upload.KindOf(path));
        Assert.True(Upload.IsHidden(path));
    }

    [Theory]
    [InlineData("@brand/#1/one.png")]
    [InlineData("spin/one (Anna's conflicted copy 2026-01-01).png")]
    [InlineData("spin/one.sync-conflict-20260101-101010-ABCDEFG.png")]
    [InlineData("spin/part.png")]
    [InlineData("recycling/tmp.one.png")]
    [InlineData("spin/$5.png")]
    public void Folders_and_files_of_people_are_uploads(string path)
    {
        Assert.Equal(UploadKind.Image, Upload.KindOf(path));
        Assert.False(Upload.IsHidden(path));
    }

    [Theory]
    [InlineData("x", 250, ".json")]
    [InlineData("ü", 122, ".png")]
    [InlineData("😀", 62, ".json")]
    public void Report_on_an_upload_with_a_long_name_has_a_name_that_fits(string character, int times, string extension)
    {
        var report = Upload.ErrorReportPath($"shoes/{string.Concat(Enumerable.Repeat(character, times))}{extension}");
        Assert.InRange(Encoding.UTF8.GetByteCount(report["shoes/".Length..]), 200, 255);
        Assert.Equal(UploadKind.ErrorReport, Upload.KindOf(report));
        Assert.DoesNotContain('\uFFFD', Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(report)));
        Assert.NotEqual(report, Upload.ErrorReportPath($"shoes/{string.Concat(Enumerable.Repeat(character, times - 1))}y{extension}"));
    }

    [Fact]
    public void Report_on_a_blob_with_a_long_path_has_a_path_that_fits()
    {
        var report = Upload.ErrorReportPath($"{new string('a', 800)}/{new string('b', 200)}.png");
        Assert.InRange(report.Length, 900, 1_024);
        Assert.Equal(UploadKind.ErrorReport, Upload.KindOf(report));
    }

    [Fact]
    public void Same_version_of_the_same_file_is_the_same_job()
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
    public void Recipe_of_an_image_is_beside_it(string image, string recipe) => Assert.Equal(recipe, Upload.RecipePath(image));

    [Theory]
    [InlineData("shoes/red.json", "shoes/red.error.json")]
    [InlineData("shoes/red.png", "shoes/red.png.error.json")]
    [InlineData("red.JSON", "red.error.json")]
    public void Report_is_beside_the_bad_upload_and_starts_nothing(string path, string report)
    {
        Assert.Equal(report, Upload.ErrorReportPath(path));
        Assert.Equal(UploadKind.ErrorReport, Upload.KindOf(report));
    }

    [Fact]
    public void Report_is_JSON_that_a_person_can_read()
    {
        var report = Upload.ErrorReport("shoes/größe.json", [new Fault("/prompt", FaultCode.Empty, "The prompt is “empty”: say more.")], jobId: "vid_1");
        var text = Encoding.UTF8.GetString(report);
        Assert.Contains("größe", text, StringComparison.Ordinal);
        Assert.Contains("“empty”", text, StringComparison.Ordinal);
        var json = JsonElement.Parse(text);
        Assert.Equal("shoes/größe.json", json.GetProperty("upload").GetString());
        Assert.Equal("vid_1", json.GetProperty("job").GetString());
        Assert.Equal("empty", json.GetProperty("faults")[0].GetProperty("code").GetString());
        Assert.True(text.Split('\n').Length > 5);
    }
}
