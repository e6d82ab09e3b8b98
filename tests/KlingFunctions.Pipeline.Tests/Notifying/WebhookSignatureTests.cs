using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Notifying;
using Microsoft.Extensions.Time.Testing;

namespace KlingFunctions.Pipeline.Tests.Notifying;

public class WebhookSignatureTests
{
    // The shared test vector of the libraries in standard-webhooks/standard-webhooks.
    private const string VectorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string VectorId = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    private const string VectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    private static readonly DateTimeOffset VectorTime = DateTimeOffset.FromUnixTimeSeconds(1614265330);
    private static readonly byte[] VectorBody = """{"test": 2432232314}"""u8.ToArray();

    private readonly FakeTimeProvider _time = new(VectorTime);

    [Fact]
    public void Signature_equals_the_standards_test_vector() =>
        Assert.Equal(VectorSignature, WebhookSignature.Sign([Secret(VectorSecret)], VectorId, VectorTime, VectorBody));

    [Fact]
    public void Standards_test_vector_verifies() => Assert.True(Verify());

    [Theory]
    [InlineData(300, true)]
    [InlineData(-300, true)]
    [InlineData(301, false)]
    [InlineData(-301, false)]
    public void Webhook_is_valid_for_five_minutes_either_way(int secondsLater, bool taken)
    {
        _time.AdjustTime(VectorTime.AddSeconds(secondsLater));
        Assert.Equal(taken, Verify());
    }

    [Fact]
    public void Altered_webhook_fails()
    {
        Assert.False(Verify(id: "msg_other"));
        Assert.False(Verify(timestamp: "1614265331"));
        Assert.False(Verify(body: """{"test": 2432232315}"""));
        Assert.False(Verify(signatures: VectorSignature.Replace('g', 'h')));
        Assert.False(Verify(secret: WebhookSecret.Create()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("v1,")]
    [InlineData("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
    [InlineData("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")]
    [InlineData("v1,!!!")]
    public void Signature_of_another_version_fails(string signatures) => Assert.False(Verify(signatures: signatures));

    [Theory]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("-1614265330")]
    [InlineData("99999999999999999999999")]
    [InlineData("9223372036854775807")]
    public void Invalid_timestamp_fails(string timestamp) => Assert.False(Verify(timestamp: timestamp));

    [Fact]
    public void One_valid_signature_among_several_is_enough() =>
        Assert.True(Verify(signatures: $"v2,abc v1,bm90LXRoZS1zaWduYXR1cmU= {VectorSignature}"));

    [Fact]
    public void During_a_rotation_holders_of_either_secret_can_verify()
    {
        var (current, previous) = (WebhookSecret.Create(), WebhookSecret.Create());
        var signatures = WebhookSignature.Sign([Secret(current), Secret(previous)], VectorId, VectorTime, VectorBody);
        Assert.Equal(2, signatures.Split(' ').Length);
        Assert.True(Verify(secret: current, signatures: signatures));
        Assert.True(Verify(secret: previous, signatures: signatures));
        Assert.False(Verify(secret: WebhookSecret.Create(), signatures: signatures));
    }

    [Fact]
    public void Id_with_a_full_stop_is_not_signed() =>
        Assert.Throws<ArgumentException>(() => WebhookSignature.Sign([Secret(VectorSecret)], "msg.1", VectorTime, VectorBody));

    [Fact]
    public void Signed_webhook_verifies_and_one_with_a_changed_bit_fails() =>
        Prop.ForAll(ArbMap.Default.GeneratorFor<NonEmptyArray<byte>>().Zip(ArbMap.Default.GeneratorFor<PositiveInt>()).ToArbitrary(), given =>
        {
            var (body, bit) = (given.Item1.Get, given.Item2.Get);
            WebhookSecret[] secrets = [Secret(WebhookSecret.Create())];
            var signature = WebhookSignature.Sign(secrets, "msg_1", VectorTime, body);
            var good = WebhookSignature.Verify(secrets, "msg_1", "1614265330", signature, body, _time);
            body[bit % body.Length] ^= (byte)(1 << (bit % 8));
            return good && !WebhookSignature.Verify(secrets, "msg_1", "1614265330", signature, body, _time);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(23, false)]
    [InlineData(24, true)]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void Secret_has_24_to_64_bytes(int bytes, bool taken) =>
        Assert.Equal(taken, WebhookSecret.TryParse("whsec_" + Convert.ToBase64String(new byte[bytes]), out _));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("whsec_")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_not base64 not base64 not base64!")]
    public void Other_text_is_not_a_secret(string? text) => Assert.False(WebhookSecret.TryParse(text, out _));

    private static WebhookSecret Secret(string text) => WebhookSecret.TryParse(text, out var secret) ? secret : throw new ArgumentException("not a secret", nameof(text));

    private bool Verify(string secret = VectorSecret, string id = VectorId, string timestamp = "1614265330", string signatures = VectorSignature, string? body = null) =>
        WebhookSignature.Verify([Secret(secret)], id, timestamp, signatures, body is null ? VectorBody : Encoding.UTF8.GetBytes(body), _time);
}
