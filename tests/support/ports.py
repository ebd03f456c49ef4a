"""Loopback ports that stay free while their owner doesn't use them."""

import os
import random
import socket
from pathlib import Path

_FIRST = 10_000


def free_port() -> int:
    """A port that nothing listens on, below the system's range for outgoing connections.

    A stopped broker must find its port free when it restarts; a port in that range could meanwhile be the
    local end of a client's connection, or a client could even connect to itself.
    """
    begin, end = _range()
    for _ in range(200):
        port = random.SystemRandom().randrange(begin, end)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port found on loopback")


def _range() -> tuple[int, int]:
    """A separate range for each process in which pytest-xdist runs tests."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = (max(low, 2 * _FIRST) - _FIRST) // workers
    return _FIRST + number * share, _FIRST + (number + 1) * share


def free_ports(count: int) -> list[int]:
    """`count` different ports."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
