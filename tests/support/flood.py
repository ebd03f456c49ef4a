"""Attackers: clients that use as much as they can of one limited resource, and a witness that uses the
service at the same time.

Everything is limited in count and time and uses loopback: the attacker's address is 127.0.0.3, the witness's
127.0.0.9.
"""

import contextlib
import http.client
import json
import select
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Self

from support.http_client import build_request
from support.ingestor import EVENTS, JSON, Ingestor

ATTACKER = "127.0.0.3"
WITNESS = "127.0.0.9"
PROXY = "127.0.0.2"
_CONNECT_SECONDS = 5
_WITNESS_SECONDS = 5
_WITNESS_PAUSE_SECONDS = 0.02
# Small compared with an eighth of any resource, but too large to fit into remainders that others leave by
# chance.
_WITNESS_BODY = json.dumps({"type": "w", "payload": "x" * 8_000}).encode()


def connect(port: int, source: str = ATTACKER, receive_bytes: int | None = None) -> socket.socket:
    """A connection from `source`; `receive_bytes` sets a small receive window."""
    made = socket.socket()
    if receive_bytes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(_CONNECT_SECONDS)
    try:
        made.bind((source, 0))
        made.connect(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


class Crowd:
    """Many connections of one client that send data and never read. Closed at the end."""

    def __init__(self, port: int, source: str = ATTACKER, receive_bytes: int | None = None):
        self._port = port
        self._source = source
        self._receive_bytes = receive_bytes
        self._sockets: list[socket.socket] = []
        self._unsent: dict[socket.socket, memoryview] = {}
        self._replies: dict[socket.socket, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()

    def add(self, count: int, request: bytes = b"") -> None:
        """Opens `count` connections; each tries to send `request`, and continues in push()."""
        for _ in range(count):
            try:
                one = connect(self._port, self._source, self._receive_bytes)
            except OSError:
                continue  # rejected, as the caller expects
            one.setblocking(False)
            self._sockets.append(one)
            if request:
                self._unsent[one] = memoryview(request)
        self.push(0)

    def begin_tls(self, context: ssl.SSLContext, bytes_behind: bytes) -> None:
        """Completes a handshake on each connection, then sends these bytes as they are."""
        for one in self._sockets:
            one.settimeout(_CONNECT_SECONDS)
            with contextlib.suppress(OSError):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
                while True:
                    try:
                        client.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        one.sendall(outgoing.read())
                        incoming.write(one.recv(1 << 16) or b"no TLS")
                one.sendall(outgoing.read() + bytes_behind)
            one.setblocking(False)

    def push(self, seconds: float) -> None:
        """Sends as much as the service accepts, for at most `seconds`."""
        end = time.monotonic() + seconds
        while self._unsent:
            _, writable, _ = select.select([], list(self._unsent), [], max(0.0, end - time.monotonic()))
            for one in writable:
                self._push_one(one)
            if time.monotonic() >= end or not writable:
                return

    def _push_one(self, one: socket.socket) -> None:
        try:
            while rest := self._unsent[one]:
                self._unsent[one] = rest[one.send(rest[: 1 << 18]) :]
            del self._unsent[one]
        except BlockingIOError:
            return
        except OSError:
            del self._unsent[one]

    def codes(self) -> Counter[str]:
        """Reads the replies that have arrived; returns how often each code (or status, if there is no code)
        occurred."""
        found: Counter[str] = Counter()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                self._replies[one] = self._replies.get(one, b"") + one.recv(1 << 16)
            head, _, body = self._replies.get(one, b"").partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 "):
                try:
                    found[json.loads(body).get("code") or head[9:12].decode()] += 1
                except ValueError:
                    found[head[9:12].decode()] += 1
        return found

    def __len__(self) -> int:
        return len(self._sockets)


def post_once(
    ingestor: Ingestor,
    body: bytes,
    source: str = ATTACKER,
    headers: Mapping[str, str] | None = None,
    port: int | None = None,
    prefix: bytes = b"",
) -> tuple[int, str]:
    """Sends one request on a new connection, over TLS if the ingestor has it. `prefix` is sent before all
    else. Returns the status and the code, if any; (0, error) if the connection broke."""
    client = http.client.HTTPConnection("127.0.0.1", timeout=_WITNESS_SECONDS)
    try:
        client.sock = connect(port or ingestor.port, source)
        client.sock.settimeout(_WITNESS_SECONDS)
        client.sock.sendall(prefix)
        if ingestor.tls is not None:
            client.sock = ingestor.tls.wrap_socket(client.sock, server_hostname="localhost")
        client.request("POST", EVENTS, body, {"Content-Type": JSON} | dict(headers or {}))
        reply = client.getresponse()
        data = reply.read()
        return reply.status, json.loads(data).get("code", "") if reply.status >= 400 else ""
    except (OSError, http.client.HTTPException) as fault:
        return 0, type(fault).__name__
    finally:
        client.close()


class Witness:
    """Another client that sends little, each time on a new connection; its results are counted.

    `door` selects the way to the service: `events` (from its own address), `proxy` (through a trusted proxy),
    `admin` (a probe). `prefix`: as in post_once.
    """

    def __init__(self, ingestor: Ingestor, door: str, prefix: bytes = b""):
        self._ingestor = ingestor
        self._prefix = prefix
        self._door = door
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.outcomes: Counter[tuple[int, str]] = Counter()
        self.slowest_seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    @property
    def success(self) -> float:
        good = sum(count for (status, _), count in self.outcomes.items() if 200 <= status < 300)
        return good / max(1, self.requests)

    def _run(self) -> None:
        while not self._stop.wait(_WITNESS_PAUSE_SECONDS):
            began = time.monotonic()
            self.outcomes[self._once()] += 1
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)

    def _once(self) -> tuple[int, str]:
        if self._door == "admin":
            return self._probe()
        if self._door == "proxy":
            headers = {"X-Forwarded-For": "198.51.100.9"}
            return post_once(self._ingestor, _WITNESS_BODY, PROXY, headers, prefix=self._prefix)
        return post_once(self._ingestor, _WITNESS_BODY, WITNESS, prefix=self._prefix)

    def _probe(self) -> tuple[int, str]:
        try:
            with connect(self._ingestor.admin_port, WITNESS) as probe:
                probe.settimeout(_WITNESS_SECONDS)
                tls = self._ingestor.tls
                with tls.wrap_socket(probe, server_hostname="localhost") if tls else probe as sure:
                    sure.sendall(build_request("GET", "/livez", headers={"Connection": "close"}))
                    return int(sure.recv(4096)[9:12] or 0), ""
        except (OSError, ValueError) as fault:
            return 0, type(fault).__name__


@contextlib.contextmanager
def newcomers(port: int, source: str = ATTACKER, pause_seconds: float = 0.001) -> Iterator[Counter[str]]:
    """Inside the block a client opens one connection after the other and keeps the newest 2,000 of them;
    counts `opened` and `refused`."""
    stop = threading.Event()
    counts: Counter[str] = Counter()
    held: list[socket.socket] = []

    def run() -> None:
        while not stop.wait(pause_seconds):
            try:
                held.append(connect(port, source))
                counts["opened"] += 1
            except OSError:
                counts["refused"] += 1
            if len(held) > 2000:
                held.pop(0).close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()
        for one in held:
            one.close()
