using System.Text;
using System.Text.Json;
using KlingFunctions.Pipeline.Network;
using KlingFunctions.Pipeline.Requests;
using KlingFunctions.Pipeline.Requests.Models;
using KlingFunctions.Pipeline.Uploads;
using Microsoft.Extensions.Options;

namespace KlingFunctions.Fuzz;

/// <summary>Any posted or uploaded bytes become a request or faults, at a cost proportional to their length.</summary>
public class RequestAttacks
{
    private static readonly RequestReader Reader = new(KlingO1.Contract, Options.Create(new NetworkOptions()));
    private static readonly UploadReader Uploads = new(KlingO1.Contract, Reader);

    [Fact]
    public void Corrupted_request_is_a_request_or_faults() =>
        Barrage.Run(1_000, random => Judge(Spoil.Json(random, Good.Request), body => Reader.Read(body)));

    [Fact]
    public void Corrupted_upload_is_a_request_or_faults_and_leaves_a_report() => Barrage.Run(1_000, random =>
    {
        var reading = random.Next(2) == 0
            ? Judge(Spoil.Json(random, Good.Upload), body => Uploads.ReadRequest("a/b/walk.json", body))
            : Judge(Spoil.Json(random, Good.Recipe), body => Uploads.ReadImage("a/b/front.png", body));
        if (reading.Request is null) Assert.Equal(JsonValueKind.Object, JsonElement.Parse(Upload.ErrorReport("a/b/walk.json", reading.Faults)).ValueKind);
    });

    [Fact]
    public void Any_prompt_is_accepted_or_has_a_fault() => Barrage.Run(300, random =>
    {
        string[] parts =
        [
            "@Image", "@Element", "@image", "@ Image 1", "@Images", "@Image1", "@Element1", "@Image0001", "@Image99999999999999999999", "@", "@@", "@Image𝟙", "@Image٣",
            "@Imag\u0301e1", "@IMAGE-1", "@Image#1", "me@Image1.example", "@Image1@Element1", "@El1", "@Image_1x", "\u200B", " ", "和", "@Ｉｍａｇｅ1", "@ÉLÉMENT1",
        ];
        var prompt = string.Concat(Enumerable.Range(0, random.Next(1, 400)).Select(_ => random.Next(3) == 0 ? Spoil.Text(random) : parts[random.Next(parts.Length)]));
        var body = JsonSerializer.SerializeToUtf8Bytes(new { prompt, image_urls = new[] { "https://example.com/a.png" } });
        Judge(body, read => Reader.Read(read));
    });

    public static TheoryData<string> Heaps => new()
    {
        $"{{\"prompt\":\"x\",\"image_urls\":[{Many("0")}]}}",
        $"{{\"prompt\":\"x\",\"image_urls\":[{Many("\"\"")}]}}",
        $"{{\"prompt\":\"x\",\"image_urls\":[{Many("\"a\"")}]}}",
        $"{{\"prompt\":\"x\",\"elements\":[{{\"reference_image_urls\":[{Many("\"a\"")}]}}]}}",
        $"{{\"prompt\":\"x\",\"elements\":[{Many("{}")}]}}",
        $"{{\"prompt\":\"x\",\"elements\":[{Many("{\"a\":0}")}]}}",
        $"{{{Many("\"a\":0")}}}",
        $"{{{Many("\"prompt\":0")}}}",
        $"{{\"metadata\":{{{Many("\"a\":0")}}}}}",
        $"{{\"prompt\":\"{new string('@', 200_000)}\"}}",
        $"{{\"prompt\":\"{Many("@Image9", " ")}\"}}",
        $"{{\"prompt\":\"{Many("@im", " ")}\"}}",
        $"{{\"prompt\":\"{Many("\\u0000", "")}\"}}",
        $"{{\"prompt\":\"$asset\",\"x\":[{Many("\"$asset\"")}]}}",
        $"[{Many("\"$asset\"")}]",
        // Long names on each level, and at the bottom many values, each with its own place.
        Nested(depth: 50, nameLength: 2_000, bottom: Many("0", ",", 50_000)),
        Nested(depth: 50, nameLength: 2_000, bottom: Many("\"\"", ",", 40_000)),
        Nested(depth: 1, nameLength: 100_000, bottom: Many("\"$asset\"", ",", 14_000)),
    };

    [Theory, MemberData(nameof(Heaps), DisableDiscoveryEnumeration = true)]
    public void Large_request_costs_in_proportion_to_its_length(string body)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        Assert.True(bytes.Length <= 256 * 1024);
        Judge(bytes, read => Reader.Read(read));
        Judge(bytes, read => Uploads.ReadRequest($"{new string('a', 1_000)}/walk.json", read));
        Judge(bytes, read => Uploads.ReadImage($"{new string('a', 1_000)}/front.png", read));
    }

    private static string Many(string what, string between = ",", int most = int.MaxValue) =>
        string.Join(between, Enumerable.Repeat(what, Math.Min(most, 250_000 / (what.Length + between.Length))));

    private static string Nested(int depth, int nameLength, string bottom) =>
        string.Concat(Enumerable.Repeat($"{{\"{new string('n', nameLength)}\":", depth)) + $"[{bottom}]" + new string('}', depth);

    private static RequestReading Judge(byte[] body, Func<ReadOnlyMemory<byte>, RequestReading> read)
    {
        RequestReading reading = null!;
        var allocated = Barrage.Allocated(() => reading = read(body));
        Assert.Equal(reading.Request is null, reading.Faults.Count > 0);
        Assert.All(reading.Faults.Concat(reading.Warnings), fault =>
        {
            Assert.True(fault.Pointer is "" || fault.Pointer[0] == '/', fault.Pointer);
            Assert.Matches("^[a-z_]+$", fault.Code);
            Assert.EndsWith(".", fault.Message, StringComparison.Ordinal);
            Assert.InRange(fault.Message.Length, 10, 700);
        });
        Assert.True(allocated < 1_000_000 + (600L * body.Length), $"{allocated:N0} bytes were allocated for a body of {body.Length:N0}.");
        return reading;
    }
}
