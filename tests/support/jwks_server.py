"""Publishes the keys of an issuer over TLS."""

from http.server import BaseHTTPRequestHandler

from support.certificates import Issued
from support.loopback_server import LoopbackServer


class JwksServer(LoopbackServer):
    """`keys` is what it answers, `fetches` counts how often. Use it in a `with` block."""

    def __init__(self, certificate: Issued, keys: bytes):
        self.keys = keys
        self.status = 200
        self.fetches = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.fetches += 1
                self.send_response(server.status)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(server.keys)))
                self.end_headers()
                self.wfile.write(server.keys)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(Handler, certificate)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/keys"
