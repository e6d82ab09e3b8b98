using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Storing;

namespace KlingFunctions.Pipeline.Tests.Storing;

public class ResumableSha256Tests
{
    [Fact]
    public void Hash_equals_the_platforms_for_any_chunks_and_any_checkpoint()
    {
        var pieces = Gen.Choose(0, 200).ListOf(12);
        Prop.ForAll(pieces.ToArbitrary(), lengths =>
        {
            var bytes = new byte[lengths.Sum()];
            new Random(lengths.Count).NextBytes(bytes);
            var hash = new ResumableSha256();
            var at = 0;
            foreach (var length in lengths)
            {
                hash = ResumableSha256.Restore(hash.State);
                hash.Append(bytes.AsSpan(at, length));
                at += length;
            }
            return hash.Finish() == Convert.ToHexStringLower(SHA256.HashData(bytes));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("no base64")]
    public void Invalid_state_is_refused(string state) => Assert.Throws<FormatException>(() => ResumableSha256.Restore(state));
}
