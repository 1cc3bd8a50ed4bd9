"""Where a server listens, as a setting says it. Standard library only: the settings need it."""

import ipaddress


def split_bind(text: str) -> tuple[str, int]:
    """Split HOST:PORT, with an IPv6 address in brackets. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) >= 2**16:
        raise ValueError(text)
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_of_this_machine(host: str) -> bool:
    """Return whether no other machine reaches what listens there. Of a name only localhost's is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
