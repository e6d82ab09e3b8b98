using System.Text;
using KlingFunctions.Pipeline.RunComfy;

namespace KlingFunctions.Fuzz;

/// <summary>Every answer of the provider is classified, and no answer to a possibly paid submission counts as a refusal.</summary>
public class ProviderAttacks
{
    private const string Token = "rc-secret-token";

    // The codes with which refusals are documented: docs.runcomfy.com/model-apis/error-codes.
    private static readonly string[] Codes = ["400001", "400002", "400004", "403001", "404001"];

    [Fact]
    public void Corrupted_answer_to_the_paid_POST_is_never_a_refusal() => Barrage.Run(1_500, random =>
    {
        var body = Spoil.Json(random, Good.Submitted);
        var answer = Submit(body);
        if (answer is SubmitAnswer.Refused) Assert.Contains(Codes, code => Encoding.UTF8.GetString(body).Contains(code, StringComparison.Ordinal));
        else if (answer is SubmitAnswer.Accepted { RequestId: var id }) Assert.Matches("^[A-Za-z0-9_-]{1,128}$", id);
        else Assert.IsType<SubmitAnswer.InDoubt>(answer);
    });

    /// <summary>The id comes first, so an answer cut off behind it still names the paid request.</summary>
    [Fact]
    public void Answer_cut_after_the_id_is_accepted_and_before_it_in_doubt()
    {
        var body = Encoding.UTF8.GetBytes(Good.Submitted);
        var end = Good.Submitted.IndexOf(Good.RequestId, StringComparison.Ordinal) + Good.RequestId.Length + 1;
        for (var length = 0; length <= body.Length; length++)
        {
            var answer = Submit(body[..length]);
            if (length < end) Assert.IsType<SubmitAnswer.InDoubt>(answer);
            else Assert.Equal(new SubmitAnswer.Accepted(Good.RequestId), answer);
        }
    }

    [Fact]
    public void Any_answer_is_classified_briefly_and_without_the_token() => Barrage.Run(1_500, random =>
    {
        string[] good = [Good.Submitted, Good.Status, Good.Result, Good.Cancelled, Good.Refused];
        var body = Spoil.Json(random, good[random.Next(good.Length)].Replace("no balance", $"no balance {Token}", StringComparison.Ordinal));
        var status = random.Next(4) == 0 ? random.Next(100, 600) : 200;
        Judge(status, body);
    });

    public static TheoryData<string> Heaps => new()
    {
        Repeat("<script", 40_000), Repeat("<script>", 30_000) + Repeat("</script ", 1_000), Repeat("&lt;", 60_000), Repeat("<", 250_000), Repeat("https://a?", 25_000),
        Repeat("https://a@", 25_000), Repeat("\u200B \u0001", 50_000), Repeat(Token, 17_000), $"\"{Repeat("<a ", 80_000)}\"",
        $"{{\"error\":\"{Repeat("http://", 30_000)}\"}}", $"{{\"status\":\"{Repeat("in_queue", 30_000)}\"}}", $"{{\"request_id\":\"{Repeat("a", 250_000)}\"}}",
        $"{{\"error_code\":{Repeat("9", 250_000)}}}", $"{{\"queue_position\":{Repeat("9", 250_000)}}}", Repeat("[", 250_000), $"[{Repeat("[],", 80_000)}[]]",
        $"{{\"status\":\"succeeded\",\"output\":{{\"images\":[{Repeat("\"https://a\",", 20_000)}\"https://b\"]}}}}",
        $"{{\"status\":\"succeeded\",\"output\":{{\"images\":[{string.Join(',', Enumerable.Range(0, 20_000).Select(i => $"\"a{i}\""))}]}}}}",
        $"{{\"error\":{Repeat("{\"error\":", 60)}1{Repeat("}", 60)}}}", $"{{\"detail\":[{Repeat("{\"loc\":[\"a\"],\"msg\":\"b\"},", 9_000)}{{}}]}}",
    };

    [Theory, MemberData(nameof(Heaps), DisableDiscoveryEnumeration = true)]
    public void Large_answer_is_classified_in_time_proportional_to_its_length(string body) => Judge(200, Encoding.UTF8.GetBytes(body));

    private static string Repeat(string what, int times) => string.Concat(Enumerable.Repeat(what, Math.Min(times, 250_000 / what.Length)));

    private static SubmitAnswer Submit(byte[] body) => ReplyReading.Submit(new ProviderReply(200, body, null, Token));

    private static void Judge(int status, byte[] body)
    {
        (SubmitAnswer Submit, StatusAnswer Status, ResultAnswer Result, CancelAnswer Cancel) answers = default;
        var allocated = Barrage.Allocated(() =>
        {
            var reply = new ProviderReply(status, body, null, Token);
            answers = (ReplyReading.Submit(reply), ReplyReading.Status(reply), ReplyReading.Result(reply), ReplyReading.Cancel(reply));
        });
        Assert.True(allocated < 1_000_000 + (100L * body.Length), $"{allocated:N0} bytes were allocated for a body of {body.Length:N0}.");

        Said(answers.Submit switch { SubmitAnswer.Refused r => r.Fault.Message, SubmitAnswer.InDoubt d => d.Message, _ => "accepted" });
        Said(answers.Status switch { StatusAnswer.Faulted f => f.Fault.Message, StatusAnswer.UnknownWord w => w.Word, StatusAnswer.Known k => k.Word, _ => "" });
        Said(answers.Result switch { ResultAnswer.Faulted f => f.Fault.Message, ResultAnswer.Failed f => f.Message, ResultAnswer.NotReady { State: { } s } => s.Word, _ => "over" });
        Said(answers.Cancel switch { CancelAnswer.Faulted f => f.Fault.Message, _ => "answered" });
        if (answers.Submit is SubmitAnswer.Accepted accepted) Assert.True(status is >= 200 and <= 299 && ProviderReply.IsRequestId(accepted.RequestId));
    }

    private static void Said(string sentence)
    {
        Assert.InRange(sentence.Length, 1, 500);
        Assert.DoesNotContain(Token, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(sentence, c => char.IsControl(c));
    }
}
