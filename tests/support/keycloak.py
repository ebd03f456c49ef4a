"""A real OpenID provider: Keycloak, with its data in memory, on a loopback port. Its distribution comes from the Maven
repository into build/keycloak when it is used first (180 MB)."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
VERSION = "26.7.3"

_BUILD = ROOT / "build/keycloak"
_HOME = _BUILD / f"keycloak-{VERSION}"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_START_SECONDS = 180
_STOP_SECONDS = 20
_REPLY_SECONDS = 20
_ADMIN = "admin"
_SECRET = "client secret/+"
_LISTENING = re.compile(r"Listening on: http://127\.0\.0\.1:(\d+)")

# Keycloak's names for what makes the keys of an algorithm.
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "RS256": ("rsa-generated", {"algorithm": "RS256"}),
    "PS256": ("rsa-generated", {"algorithm": "PS256"}),
    "ES256": ("ecdsa-generated", {"ecdsaEllipticCurveKey": "P-256"}),
    "EdDSA": ("eddsa-generated", {"eddsaEllipticCurveKey": "Ed25519"}),
}
ALGORITHMS = tuple(_PROVIDERS)


def _fetch() -> None:
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = _HOME / ".complete"
        if stamp.exists():
            return
        shutil.rmtree(_HOME, ignore_errors=True)
        artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
        _run("mvn", "-q", "-B", _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={_BUILD}")
        archive = _BUILD / f"keycloak-quarkus-dist-{VERSION}.zip"
        shutil.unpack_archive(archive, _BUILD)
        archive.unlink()
        # What is decided at build time, so that a start takes seconds.
        _run("bash", str(_HOME / "bin/kc.sh"), "build", "--db=dev-mem")
        stamp.touch()


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


class Keycloak:
    """One server. Use it in a `with` block, or call close()."""

    def __init__(self) -> None:
        _fetch()
        self._folder = tempfile.TemporaryDirectory(prefix="keycloak-")
        self.log_path = Path(self._folder.name) / "keycloak.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """On the same port as before, if it was stopped. Its data is gone then."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": self._folder.name,
            "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN,
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m",
            "JAVA_OPTS_GC": "-XX:+UseSerialGC",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        }
        options = ["--optimized", "--http-enabled=true", "--http-host=127.0.0.1", "--hostname-strict=false"]
        options += ["--cache=local", f"--http-port={self.port}"]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", str(_HOME / "bin/kc.sh"), "start", *options],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.port = wait_until(self._port, _START_SECONDS, "Keycloak listens")
        except AssertionError:
            said = self.log_path.read_text(errors="replace")[-4000:]
            self.close()
            raise AssertionError(f"Keycloak did not start\n{said}") from None
        return self

    def close(self) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Its connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def realm(self, name: str) -> "Realm":
        """A new realm, which is an issuer with keys of its own."""
        self._admin("POST", "/admin/realms", {"realm": name, "enabled": True})
        return Realm(self, name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _signal(self, number: signal.Signals) -> None:
        # The script that was started is the parent of the server.
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def _port(self) -> int:
        assert self._process is not None and self._process.poll() is None, "it has ended"
        found = _LISTENING.search(self.log_path.read_text(errors="replace"))
        return int(found[1]) if found else 0

    def _admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": _ADMIN, "password": _ADMIN}
        token = self._form("/realms/master/protocol/openid-connect/token", form)["access_token"]
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self._send(urllib.request.Request(self.url + path, data, headers, method=method))

    def _form(self, path: str, fields: Mapping[str, str]) -> Any:
        return self._send(urllib.request.Request(self.url + path, urllib.parse.urlencode(fields).encode()))

    def _send(self, request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=_REPLY_SECONDS) as reply:
            body = reply.read()
        return json.loads(body) if body else None


class Realm:
    """An issuer of tokens."""

    def __init__(self, server: Keycloak, name: str):
        self._server = server
        self._name = name
        self._priority = 1000

    @property
    def issuer(self) -> str:
        return f"{self._server.url}/realms/{self._name}"

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/certs"

    def jwks(self) -> bytes:
        with urllib.request.urlopen(self.jwks_url, timeout=_REPLY_SECONDS) as reply:
            body: bytes = reply.read()
        return body

    def add_client(self, client: str, algorithm: str, audience: str, seconds: int = 300) -> None:
        """Adds a client that gets tokens with its own id and secret, signed with the algorithm."""
        mapper = {
            "name": "audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.custom.audience": audience, "access.token.claim": "true"},
        }
        settings = {
            "clientId": client,
            "secret": _SECRET,
            "publicClient": False,
            "standardFlowEnabled": False,
            "serviceAccountsEnabled": True,
            "attributes": {
                "access.token.signed.response.alg": algorithm,
                "access.token.lifespan": str(seconds),
            },
            "protocolMappers": [mapper],
        }
        self._server._admin("POST", f"/admin/realms/{self._name}/clients", settings)

    def token(self, client: str) -> str:
        """An access token by the grant client_credentials (RFC 6749, section 4.4)."""
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": _SECRET}
        path = f"/realms/{self._name}/protocol/openid-connect/token"
        token: str = self._server._form(path, form)["access_token"]
        return token

    def add_key(self, algorithm: str) -> str:
        """Adds a key, which signs all further tokens of the algorithm. Returns its number for remove_key."""
        provider, config = _PROVIDERS[algorithm]
        self._priority += 1
        name = f"{algorithm}-{self._priority}"
        component = {
            "name": name,
            "providerId": provider,
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {key: [value] for key, value in config.items()} | {"priority": [str(self._priority)]},
        }
        self._server._admin("POST", f"/admin/realms/{self._name}/components", component)
        return next(number for number, found in self._keys() if found == name)

    def remove_key(self, number: str) -> None:
        self._server._admin("DELETE", f"/admin/realms/{self._name}/components/{number}")

    def _keys(self) -> list[tuple[str, str]]:
        path = f"/admin/realms/{self._name}/components?type=org.keycloak.keys.KeyProvider"
        return [(found["id"], found["name"]) for found in self._server._admin("GET", path)]
