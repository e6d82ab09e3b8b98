using System.Net;
using System.Net.Sockets;

namespace KlingFunctions.Pipeline.Network;

/// <summary>Recognises addresses of the public internet.</summary>
/// <remarks>
/// The ranges are those of the IANA IPv4 and IPv6 Special-Purpose Address Registries
/// (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry),
/// with multicast and the virtual address of the Azure platform. An entry that the registry calls globally reachable
/// (AS112, anycast relays) is refused like the others: it serves neither images nor webhooks.
/// </remarks>
internal static class PublicAddress
{
    private static readonly IPNetwork[] SpecialV4 =
    [
        IPNetwork.Parse("0.0.0.0/8"), // this network, RFC 791
        IPNetwork.Parse("10.0.0.0/8"), // private use, RFC 1918
        IPNetwork.Parse("100.64.0.0/10"), // shared address space of carriers, RFC 6598
        IPNetwork.Parse("127.0.0.0/8"), // loopback, RFC 1122
        IPNetwork.Parse("168.63.129.16/32"), // Azure's platform: DNS, DHCP, health probes, the guest agent
        IPNetwork.Parse("169.254.0.0/16"), // link local, RFC 3927: cloud metadata lives here
        IPNetwork.Parse("172.16.0.0/12"), // private use, RFC 1918
        IPNetwork.Parse("192.0.0.0/24"), // IETF protocol assignments, RFC 6890
        IPNetwork.Parse("192.0.2.0/24"), // documentation, RFC 5737
        IPNetwork.Parse("192.31.196.0/24"), // AS112, RFC 7535
        IPNetwork.Parse("192.52.193.0/24"), // automatic multicast tunnelling, RFC 7450
        IPNetwork.Parse("192.88.99.0/24"), // 6to4 relays, RFC 7526
        IPNetwork.Parse("192.168.0.0/16"), // private use, RFC 1918
        IPNetwork.Parse("192.175.48.0/24"), // AS112, RFC 7534
        IPNetwork.Parse("198.18.0.0/15"), // benchmarking, RFC 2544
        IPNetwork.Parse("198.51.100.0/24"), // documentation, RFC 5737
        IPNetwork.Parse("203.0.113.0/24"), // documentation, RFC 5737
        IPNetwork.Parse("224.0.0.0/4"), // multicast, RFC 5771
        IPNetwork.Parse("240.0.0.0/4"), // reserved, and the limited broadcast address, RFC 1112 and RFC 8190
    ];

    // Every other address is unspecified, loopback, unique local, link local, site local, multicast or unassigned.
    private static readonly IPNetwork GlobalUnicastV6 = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork[] SpecialV6 =
    [
        IPNetwork.Parse("2001::/23"), // IETF protocol assignments, RFC 2928: Teredo, benchmarking, ORCHID, drone ids
        IPNetwork.Parse("2001:db8::/32"), // documentation, RFC 3849
        IPNetwork.Parse("2002::/16"), // 6to4, RFC 3056: an IPv4 address inside, and deprecated
        IPNetwork.Parse("2620:4f:8000::/48"), // AS112, RFC 7534
        IPNetwork.Parse("3fff::/20"), // documentation, RFC 9637
    ];

    // Behind DNS64, an IPv4-only host has such an address: the IPv4 address inside decides, RFC 6052.
    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");

    // RFC 2544 reserves it for benchmarks; the name servers of transparent proxies use it for fake addresses.
    private static readonly IPNetwork Invented = IPNetwork.Parse("198.18.0.0/15");

    /// <summary>Whether an address is a fake one from the name server of a transparent proxy.</summary>
    internal static bool IsInvented(IPAddress address) => Invented.Contains(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    /// <summary>
    /// Whether <paramref name="address"/> is a unicast address of the public internet. For an IPv4-mapped address (<c>::ffff:a.b.c.d</c>)
    /// and one behind NAT64 (<c>64:ff9b::a.b.c.d</c>) the IPv4 address inside decides; the obsolete ways to carry IPv4 in IPv6
    /// (IPv4-compatible, 6to4, Teredo) are never public.
    /// </summary>
    public static bool IsPublic(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.IsIPv4MappedToIPv6) return IsPublic(address.MapToIPv4());
        if (address.AddressFamily == AddressFamily.InterNetwork) return !SpecialV4.Any(range => range.Contains(address));
        if (Nat64.Contains(address)) return IsPublic(new IPAddress(address.GetAddressBytes().AsSpan(12)));
        return GlobalUnicastV6.Contains(address) && !SpecialV6.Any(range => range.Contains(address));
    }
}
