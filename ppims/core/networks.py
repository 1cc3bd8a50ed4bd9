"""Networks from which somebody may ask: CIDRs in one text with spaces between, each in the one way
that it can be written. An IPv4-mapped IPv6 address or network is what it maps.
"""

import ipaddress
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ppims.core.addresses import read_plain

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_NETWORKS = 50
LONGEST_NETWORK = 43  # characters: of IPv6, eight groups of four and /128
LONGEST_TEXT = MOST_NETWORKS * (LONGEST_NETWORK + 1)
MAPPED_PREFIX_BITS = 96


@lru_cache(1024)
def is_inside(address: str, networks: str) -> bool:
    """Return whether an address is in one of the networks. What is no address, as that of a unix
    socket, is in none; a zone (fe80::1%eth0) plays no part.
    """
    ip = read_plain(address)
    return ip is not None and any(ip in network for network in _read_networks(networks))


def write_canonical(text: str) -> str:
    """Write the networks of a text as they are kept: each once, in their order. Raises
    ValidationError, which names each that is none, or says that they are too many.
    """
    networks, faults = set(), []
    for word in text.replace(",", " ").split():
        try:
            networks.add(_read_network(word))
        except ValueError:
            faults.append(_describe_fault(word))
    if faults:
        raise ValidationError(faults[:MOST_NETWORKS])
    if len(networks) > MOST_NETWORKS:
        raise ValidationError(_("%(n)d networks at most.") % {"n": MOST_NETWORKS})
    return " ".join(map(str, sorted(networks, key=_find_place)))


def require_canonical(text: str) -> None:
    """Check networks that are about to be kept. Raises ValidationError."""
    if text != write_canonical(text):
        raise ValidationError(_("Not as networks are kept."))


def list_networks(text: str) -> list[str]:
    """List the networks that are kept."""
    return text.split()


@lru_cache(256)
def _read_networks(text: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, list_networks(text)))


def _read_network(word: str, *, is_strict: bool = True) -> Network:
    """Read a network. Raises ValueError, where it is strict also of bits beyond the prefix."""
    if "%" in word:
        raise ValueError(word)  # a zone is one machine's own name for a link
    network = ipaddress.ip_network(word, strict=is_strict)
    if isinstance(network, ipaddress.IPv4Network):
        return network
    mapped = network.network_address.ipv4_mapped
    if mapped is None or network.prefixlen < MAPPED_PREFIX_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - MAPPED_PREFIX_BITS))


def _describe_fault(word: str) -> str:
    shown = word if len(word) <= LONGEST_NETWORK else f"{word[:LONGEST_NETWORK]}…"
    try:
        meant = _read_network(word, is_strict=False)
    except ValueError:
        return _("%(word)s is no network.") % {"word": shown}
    address = read_plain(word.partition("/")[0])
    words = {"word": shown, "network": meant, "address": address}
    return _("%(word)s is no network: write %(network)s, or %(address)s alone.") % words


def _find_place(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen
