"""A TLS address for a cluster's API server that requires the right token, like a cloud's address."""

import base64
import http.client
import re
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from support.certificates import Authority
from support.loopback_server import LoopbackServer

_OF_THE_CONNECTION = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "host",
    "authorization",
    "te",
}
_SECONDS = 300


class ClusterDoor(LoopbackServer):
    """Accepted requests are forwarded to `kubectl proxy`, so they have the permissions of the user who runs
    the tests."""

    def __init__(self, folder: Path, accepts: Callable[[str], bool]):
        authority = Authority(folder)
        certificate = authority.issue("door")
        self.ca_base64 = base64.b64encode(authority.certificate.read_bytes()).decode()
        self.turned_away = 0
        self.let_in = 0
        self._proxy = subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
        assert self._proxy.stdout is not None
        said = self._proxy.stdout.readline()
        found = re.search(r":(\d+)$", said.strip())
        assert found, f"kubectl proxy said {said!r}"
        super().__init__(_handler(self, int(found[1]), accepts), certificate)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._proxy.terminate()
        self._proxy.wait(10)
        assert self._proxy.stdout is not None
        self._proxy.stdout.close()


def _handler(door: ClusterDoor, port: int, accepts: Callable[[str], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            if kind != "Bearer" or not accepts(token):
                door.turned_away += 1
                self._answer(
                    401, {}, b'{"kind":"Status","status":"Failure","reason":"Unauthorized","code":401}'
                )
                return
            door.let_in += 1
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _OF_THE_CONNECTION}
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
            try:
                connection.request(self.command, self.path, body or None, headers)
                reply = connection.getresponse()
                if "watch=" in self.path:
                    self._stream(reply)
                else:
                    self._answer(reply.status, dict(reply.getheaders()), reply.read())
            finally:
                connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                if name.lower() not in _OF_THE_CONNECTION | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, reply: http.client.HTTPResponse) -> None:
            """Forwards a watch: each change at once, until either side ends it."""
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.getheader("Content-Type", "application/json"))
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while piece := reply.read1(65536):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
