"""An identity provider's token endpoint over TLS: issues JWTs without a signature for client credentials."""

import base64
import json
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote

from support.certificates import Issued
from support.loopback_server import LoopbackServer

CLIENT_ID = "event-ingestor"
CLIENT_SECRET = "client secret/+"


def unsigned_jwt(seconds: float, subject: str = "ingestor") -> str:
    """A token that a broker with the unsecured validator accepts; valid from now for `seconds`."""
    now = time.time()
    parts = ({"alg": "none"}, {"sub": subject, "iat": now, "exp": now + seconds})
    encoded = (base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)
    return ".".join(encoded) + "."


class TokenServer(LoopbackServer):
    """`given` counts the tokens. Use it in a `with` block."""

    def __init__(self, certificate: Issued, token_seconds: int):
        self.given = 0
        self.scopes: set[str] = set()
        self.unavailable = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, reply = server._answer(self.headers.get("Authorization", ""), form)
                body = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._token_seconds = token_seconds
        super().__init__(Handler, certificate)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/oauth2/token"

    def _answer(self, authorization: str, form: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
        if self.unavailable:
            return 503, {}
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(name), unquote(secret)) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") != ["client_credentials"]:
            return 400, {"error": "unsupported_grant_type"}
        self.given += 1
        self.scopes.update(form.get("scope", []))
        token = unsigned_jwt(self._token_seconds)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self._token_seconds}
