"""Which IP addresses may be connected to for a caller's sake.

Public ones may, private ones where the model's spec opens their range, and some never. The tables follow IANA's special
purpose registries (RFC 6890) and are written out because `ipaddress` judges some ranges differently in each Python
version. An IPv4 address inside an IPv6 one is judged as what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK = "a loopback address"


def why_not(address: str, opened: Sequence[Network], *, loopback: bool = False) -> str | None:
    """Say what forbids an address, or return None.

    Args:
        address: as the resolver gave it; an IPv6 one may have a zone.
        opened: the private ranges of `spec.access.imageUrls.allowCidrs`.
        loopback: allow the loopback addresses, which tests do.
    """
    meant = innermost(ip_address(address))
    for kind, networks in NEVER.items():
        if _within(meant, networks):
            return None if loopback and kind == LOOPBACK else kind
    if _within(meant, opened) or _is_public(meant):
        return None
    return "a private address, in no range of spec.access.imageUrls.allowCidrs"


def innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for; any other address itself."""
    if isinstance(address, IPv4Address) or int(address) <= 1:  # :: and ::1 are addresses of their own
        return address
    for network, shift in EMBEDDING.items():
        if address in network:
            return IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _within(address, NOT_PUBLIC_IPV4)
    return address in GLOBAL_UNICAST and not _within(address, NOT_PUBLIC_IPV6)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, text.split()))


NEVER: Mapping[str, tuple[Network, ...]] = {
    LOOPBACK: _networks("127.0.0.0/8 ::1/128"),
    # 0.0.0.0 and :: are this machine, to Linux.
    "an address of this machine": _networks("0.0.0.0/8 ::/128"),
    # Everybody's, then those of Alibaba, Azure, Oracle, AWS, Google and Scaleway.
    "an address of a cloud's metadata": _networks(
        "169.254.169.254/32 100.100.100.200/32 168.63.129.16/32 192.0.0.192/32"
        " fd00:ec2::/32 fd20:ce::254/128 fd00:42::42/128"
    ),
    "a link-local address": _networks("169.254.0.0/16 fe80::/10"),
    "a multicast address": _networks("224.0.0.0/4 255.255.255.255/32 ff00::/8"),
    # Teredo hides an address of its client and one of its server; neither is a picture's.
    "a tunnel's address": _networks("2001::/32 64:ff9b:1::/48"),
}
"""What no spec opens, by what it is called."""

NOT_PUBLIC_IPV4 = _networks(
    "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16"
    " 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4"
)
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""IPv6 addresses elsewhere are not routed."""
NOT_PUBLIC_IPV6 = _networks("2001::/23 2001:db8::/32 3fff::/20")

EMBEDDING: Mapping[IPv6Network, int] = {
    IPv6Network("::ffff:0:0/96"): 0,  # mapped, RFC 4291
    IPv6Network("::/96"): 0,  # compatible, RFC 4291
    IPv6Network("::ffff:0:0:0/96"): 0,  # translated, RFC 2765
    IPv6Network("64:ff9b::/96"): 0,  # NAT64, RFC 6052
    IPv6Network("2002::/16"): 80,  # 6to4, RFC 3056
}
"""IPv6 ranges whose addresses hold an IPv4 address, and how many bits stand behind it."""
