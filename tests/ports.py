"""Ports for servers that tests and the bench start."""

import socket


def find_free_port() -> int:
    """Find a port of 127.0.0.1 that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
