"""HTTP as bytes: requests with exactly the bytes that a test wrote, well-formed or not, and their replies."""

import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

_REPLY_SECONDS = 15


class ConnectionClosed(Exception):
    """The server closed the connection before a whole reply had arrived. `received` is the part that had."""

    def __init__(self, received: bytes):
        super().__init__(f"connection closed after {received[:200]!r}")
        self.received = received


@dataclass(frozen=True)
class Reply:
    status: int
    reason: str
    headers: dict[str, str]  # names in lower case; repeated headers are joined by ", "
    body: bytes
    version: str = "HTTP/1.1"

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip()

    @property
    def code(self) -> str:
        """The `code` of a problem+json body."""
        assert self.content_type == "application/problem+json", (
            self.status,
            self.headers,
            self.body[:200],
        )
        return self.json()["code"]


def build_request(
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> bytes:
    """A request with Host, and with Content-Length unless `headers` contains a framing header."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", "localhost"))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in pairs) + "\r\n"
    return head.encode("latin-1") + (body or b"")


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """The chunks as a complete chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n" + trailer + b"\r\n"


class RawConnection:
    """One connection to loopback, over TLS if there is a context for it, and from the address `source` if there
    is one. Not thread-safe."""

    def __init__(
        self,
        port: int,
        seconds: float = _REPLY_SECONDS,
        tls: ssl.SSLContext | None = None,
        source: str | None = None,
    ):
        own = None if source is None else (source, 0)
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=own)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            try:
                self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")
            except BaseException:
                self._socket.close()
                raise
        self._seconds = seconds
        self._received = b""
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Closes with RST, like a client that crashed."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def finish_sending(self) -> None:
        """Closes the sending half: the server reads the end of the stream, and replies still arrive."""
        # Without a close_notify: with one, Python reads no more.
        socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def send_until_refused(self, data: bytes, piece_bytes: int = 65536) -> int:
        """Sends until everything is sent or the server has answered or closed; returns the number of bytes
        sent."""
        sent = 0
        while sent < len(data):
            if self.readable():
                return sent
            try:
                sent += self._socket.send(data[sent : sent + piece_bytes])
            except (ConnectionError, TimeoutError, ssl.SSLEOFError):
                return sent
        return sent

    def drip(self, data: bytes, every_seconds: float) -> int:
        """Sends one byte at a time until the server has answered or closed; returns the number of bytes
        sent."""
        for sent in range(len(data)):
            if self.readable():
                return sent
            try:
                self._socket.sendall(data[sent : sent + 1])
            except (ConnectionError, ssl.SSLEOFError):
                return sent
            time.sleep(every_seconds)
        return len(data)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Reply:
        self.send(build_request(method, path, body, headers))
        return self.read_reply(no_body=method == "HEAD")

    def read_reply(self, no_body: bool = False) -> Reply:
        """The next reply on this connection, including interim ones (100)."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        head, self._received = (
            self._received[:end].decode("latin-1"),
            self._received[end + 4 :],
        )
        status_line, *lines = head.split("\r\n")
        version, status, *reason = status_line.split(" ", 2)
        headers: dict[str, str] = {}
        for line in lines:
            name, separator, value = line.partition(":")
            assert separator and name == name.strip(), f"bad header line {line!r}"
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        body = b"" if no_body or int(status) in (100, 204, 304) else self._read_body(headers)
        return Reply(int(status), reason[0] if reason else "", headers, body, version)

    def is_closed(self, seconds: float = _REPLY_SECONDS) -> bool:
        """True once the server has closed without sending more; False if it hasn't after `seconds`."""
        self._socket.settimeout(seconds)
        try:
            return not self._received and self._socket.recv(1) == b""
        except (ConnectionError, ssl.SSLEOFError):
            return True
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(self._seconds)

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            assert headers["transfer-encoding"].lower() == "chunked" and "content-length" not in headers
            body = b""
            while size := int(self._take_line().split(b";")[0], 16):
                body += self._take(size)
                assert self._take(2) == b"\r\n"
            while self._take_line():
                pass
            return body
        if "content-length" in headers:
            return self._take(int(headers["content-length"]))
        try:
            while True:
                self._receive()
        except ConnectionClosed as closed:
            self._received = b""
            return closed.received

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._receive()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _take_line(self) -> bytes:
        while b"\r\n" not in self._received:
            self._receive()
        line, self._received = self._received.split(b"\r\n", 1)
        return line

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except (ConnectionError, ssl.SSLEOFError):
            data = b""
        if not data:
            raise ConnectionClosed(self._received)
        self._received += data

    def readable(self) -> bool:
        """Whether a reply, or the end of the connection, has arrived."""
        if self._received:
            return True
        if self._ended:
            return True
        self._socket.settimeout(0)
        try:
            data = self._socket.recv(1 << 16)
            self._received += data
            self._ended = not data
            return True
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except (ConnectionError, ssl.SSLEOFError):
            self._ended = True
            return True
        finally:
            self._socket.settimeout(self._seconds)
