"""What a client's address counts as, and whether it is a proxy's of ours or this machine's."""

import ipaddress
from functools import lru_cache

from django.conf import settings

IPV6_PREFIX_BITS = 64


def name_source(address: str) -> str:
    """Name what an address counts as: an IPv4 address as itself, however it is written; an IPv6
    address as its /64, for whoever has one address there has all of them.
    """
    ip = read_plain(address)
    if ip is None:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    own_bits = ip.max_prefixlen - IPV6_PREFIX_BITS
    return str(ipaddress.IPv6Address(int(ip) >> own_bits << own_bits))


def is_trusted_proxy(address: str) -> bool:
    """Return whether an address is in PPIMS_TRUSTED_PROXIES."""
    ip = read_plain(address) if settings.PPIMS_TRUSTED_PROXIES else None
    return ip is not None and any(ip in network for network in settings.PPIMS_TRUSTED_PROXIES)


@lru_cache(256)
def is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine's that no other machine reaches."""
    ip = read_plain(address)
    return ip is not None and ip.is_loopback


def read_plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address, an IPv4-mapped one as its IPv4; None: it is none."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip  # a socket for both writes ::ffff:10.0.0.1
