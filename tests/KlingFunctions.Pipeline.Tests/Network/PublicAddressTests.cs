using System.Net;
using System.Net.Sockets;
using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Network;

namespace KlingFunctions.Pipeline.Tests.Network;

public class PublicAddressTests
{
    public static TheoryData<string> SpecialRanges =>
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "::1/128", "::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/32", "2001:2::/48", "2001:10::/28",
        "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
    ];

    [Theory, MemberData(nameof(SpecialRanges))]
    public void No_address_of_a_special_range_is_public(string range)
    {
        var network = IPNetwork.Parse(range);
        Assert.False(PublicAddress.IsPublic(network.BaseAddress));
        Assert.False(PublicAddress.IsPublic(Last(network)));
        var bytes = network.BaseAddress.GetAddressBytes().Length;
        Prop.ForAll(ArbMap.Default.GeneratorFor<byte>().ArrayOf(bytes).ToArbitrary(), host =>
            !PublicAddress.IsPublic(Within(network, host))).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("126.255.255.255")]
    [InlineData("128.0.0.0")]
    [InlineData("168.63.129.15")]
    [InlineData("168.63.129.17")]
    [InlineData("169.253.255.255")]
    [InlineData("169.255.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("192.167.255.255")]
    [InlineData("192.169.0.0")]
    [InlineData("198.17.255.255")]
    [InlineData("198.20.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("8.8.8.8")]
    [InlineData("2001:200::")]
    [InlineData("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("2001:db9::")]
    [InlineData("2003::")]
    [InlineData("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("2606:4700:4700::1111")]
    [InlineData("64:ff9b::808:808")]
    public void Neighbours_of_the_special_ranges_are_public(string address) => Assert.True(PublicAddress.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::169.254.169.254")]
    [InlineData("::169.254.169.254")]
    [InlineData("2002:a9fe:a9fe::")]
    [InlineData("2001:0:a9fe:a9fe::")]
    [InlineData("fe80::1%2")]
    public void Metadata_service_is_recognized_in_every_spelling(string address) => Assert.False(PublicAddress.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public void IPv4_address_inside_IPv6_is_judged_as_IPv4() =>
        Prop.ForAll(ArbMap.Default.GeneratorFor<byte>().ArrayOf(4).ToArbitrary(), bytes =>
        {
            var inner = new IPAddress(bytes);
            var nat64 = new IPAddress([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, .. bytes]);
            return PublicAddress.IsPublic(inner.MapToIPv6()) == PublicAddress.IsPublic(inner)
                && PublicAddress.IsPublic(nat64) == PublicAddress.IsPublic(inner);
        }).QuickCheckThrowOnFailure();

    private static IPAddress Last(IPNetwork network) =>
        Within(network, [.. Enumerable.Repeat((byte)255, network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 4 : 16)]);

    // The address with the range's network bits and the host bits of the given bytes.
    private static IPAddress Within(IPNetwork network, byte[] host)
    {
        var address = network.BaseAddress.GetAddressBytes();
        for (var bit = network.PrefixLength; bit < address.Length * 8; bit++)
            address[bit / 8] |= (byte)(host[bit / 8] & (0x80 >> (bit % 8)));
        return new IPAddress(address);
    }
}
