"""TLS on the ports: versions and ciphers as clients see them, certificates that are replaced, client
certificates, and attacks on handshakes."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import EC_KEY, Authority, Issued
from support.http_client import ConnectionClosed, RawConnection, build_request
from support.ingestor import EVENTS, JSON, Ingestor, run_to_exit
from support.waiting import wait_until

Serve = Callable[..., Ingestor]
EVENT = b'{"type":"t"}'
# Two checks of the files, half a second apart, must find the change.
TAKEN_OVER_SECONDS = 5


class Volume:
    """Certificate, key and client CA as a volume of Kubernetes has them: each file is a link into a folder
    that is itself a link, which is replaced by a rename."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._versions = 0
        folder.mkdir()

    def put(self, issued: Issued, client_ca: Path) -> None:
        self.put_bytes(
            issued.certificate.read_bytes(),
            issued.key.read_bytes(),
            client_ca.read_bytes(),
        )

    def put_bytes(self, certificate: bytes, key: bytes, client_ca: bytes = b"x") -> None:
        self._versions += 1
        version = self._folder / f"..{self._versions}"
        version.mkdir()
        for name, content in (
            ("tls.crt", certificate),
            ("tls.key", key),
            ("ca.crt", client_ca),
        ):
            (version / name).write_bytes(content)
            if self._versions == 1:
                (self._folder / name).symlink_to(Path("..data") / name)
        (self._folder / "..new").symlink_to(version.name)
        os.rename(self._folder / "..new", self._folder / "..data")

    def settings(self, client_auth: str = "off") -> dict[str, object]:
        settings: dict[str, object] = {
            "SINK": "file",
            "HTTP_TLS_CERTIFICATE_FILE": self._folder / "tls.crt",
            "HTTP_TLS_KEY_FILE": self._folder / "tls.key",
        }
        if client_auth != "off":
            settings |= {
                "HTTP_TLS_CLIENT_CA_FILE": self._folder / "ca.crt",
                "HTTP_TLS_CLIENT_AUTH": client_auth,
            }
        return settings


@dataclass
class Setup:
    authority: Authority
    server: Issued
    volume: Volume

    def context(self, client: Issued | None = None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(self.authority.certificate))
        if client is not None:
            made.load_cert_chain(client.certificate, client.key)
        return made


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    authority = Authority(tmp_path / "ca")
    made = Setup(
        authority,
        authority.issue("server", new_key=EC_KEY),
        Volume(tmp_path / "volume"),
    )
    made.volume.put(made.server, authority.certificate)
    return made


def s_client(port: int, *arguments: str) -> str:
    """What openssl says about a handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
        input="", capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def accepted(port: int, *arguments: str) -> bool:
    said = s_client(port, *arguments)
    return "Cipher is (NONE)" not in said and "New, " in said


def takes_cipher(port: int, name: str) -> bool:
    """Whether the server takes this cipher of TLS 1.2 if the client offers no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(f"{name}:@SECLEVEL=0")
        RawConnection(port, tls=context).close()
    except OSError:
        return False
    return True


def served_certificate(setup: Setup, port: int) -> bytes:
    with setup.context().wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=5),
        server_hostname="localhost",
    ) as client:
        der = client.getpeercert(binary_form=True)
    assert der is not None
    return der


def der(issued: Issued) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.certificate.read_text())


def test_versions_and_ciphers(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), **setup.volume.settings())
    port = ingestor.port
    weak = ["-cipher", "ALL:@SECLEVEL=0"]
    assert not accepted(port, "-tls1", *weak)
    assert not accepted(port, "-tls1_1", *weak)
    assert accepted(port, "-tls1_2")
    assert accepted(port, "-tls1_3")
    every = ssl.create_default_context()
    every.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = [one["name"] for one in every.get_ciphers() if one["protocol"] != "TLSv1.3"]
    assert len(names) > 50
    assert {name for name in names if takes_cipher(port, name)} == {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    }
    assert accepted(port, "-groups", "P-384")
    for group in ("X448", "ffdhe8192"):
        assert not accepted(port, "-groups", group)
    said = s_client(port, "-tls1_2")
    assert "Compression: NONE" in said and "Secure Renegotiation IS supported" in said
    # The server's order is the one that counts.
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in s_client(
        port,
        "-tls1_2",
        "-cipher",
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
    )


def test_protocols_are_negotiated(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), **setup.volume.settings())
    assert "ALPN protocol: http/1.1" in s_client(ingestor.port, "-alpn", "h2,http/1.1")
    assert "no application protocol" in s_client(ingestor.port, "-alpn", "h2")
    assert "No ALPN negotiated" in s_client(ingestor.port)


def test_curl_sends_events_and_resumes_its_session(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), **setup.volume.settings())
    command = [
        "curl", "-sS", "--cacert", str(setup.authority.certificate), "-H", f"Content-Type: {JSON}",
        "--data-binary", EVENT.decode(), "-w", "%{http_code}\n", "-o", "/dev/null",
    ]  # fmt: skip
    url = f"https://localhost:{ingestor.port}{EVENTS}"
    separate = [*command, "-H", "Connection: close", url, "-o", "/dev/null", url]
    for arguments in ([*command, url], separate, [*command, "--tls-max", "1.2", url]):
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        assert set(done.stdout.split()) == {"202"}
    assert ingestor.metric("tls_handshakes_total", kind="full") >= 3
    session = setup.volume.settings()["HTTP_TLS_KEY_FILE"].parent / "session"  # type: ignore[attr-defined]
    for flag in ("-tls1_2", "-tls1_3"):
        request = "GET /livez HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
        for way in ("-sess_out", "-sess_in"):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{ingestor.port}", flag, "-ign_eof", way, str(session)],
                input=request, capture_output=True, text=True, timeout=20, check=False,
            )  # fmt: skip
            assert "200 OK" in done.stdout
        assert "Reused, " in done.stdout
    assert ingestor.metric("tls_handshakes_total", kind="resumed") >= 2


def test_plain_http_gets_a_readable_400(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), ADMIN_PORT=0, **setup.volume.settings())
    for port in (ingestor.port, ingestor.admin_port):
        with RawConnection(port) as plain:
            reply = plain.request("POST", EVENTS, EVENT, {"Content-Type": JSON})
            assert (reply.status, reply.code) == (400, "plain_http_on_tls_port")
            assert plain.is_closed()
    assert ingestor.metric("tls_handshake_failures_total", reason="plain_http") == 2


def test_certificates_are_replaced_under_load(serve: Serve, setup: Setup, tmp_path: Path) -> None:
    ingestor = serve(tls=setup.context(), ADMIN_PORT=0, RATE_LIMIT_RPS=0, **setup.volume.settings())
    stop = threading.Event()
    counts = {"kept": 0, "new": 0}
    faults: list[str] = []

    def send(kind: str) -> None:
        try:
            kept = ingestor.connect()
            while not stop.is_set():
                connection = kept if kind == "kept" else ingestor.connect()
                reply = connection.request("POST", EVENTS, EVENT, {"Content-Type": JSON})
                assert reply.status == 202, reply
                counts[kind] += 1
                if kind == "new":
                    connection.close()
            kept.close()
        except (OSError, AssertionError, ConnectionClosed) as fault:
            faults.append(f"{kind}: {fault!r}")

    senders = [threading.Thread(target=send, args=(kind,)) for kind in counts]
    for sender in senders:
        sender.start()
    replacements = int(os.environ.get("EVENT_INGESTOR_ROTATIONS", "10"))
    try:
        for number in range(replacements):
            issued = setup.authority.issue(f"server-{number}", new_key=EC_KEY)
            setup.volume.put(issued, setup.authority.certificate)
            for port in (ingestor.port, ingestor.admin_port):
                wait_until(
                    lambda port=port, issued=issued: served_certificate(setup, port) == der(issued),
                    TAKEN_OVER_SECONDS,
                    f"certificate {number} is served",
                )
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert faults == []
    assert min(counts.values()) > replacements
    assert ingestor.metric("tls_reload_failures_total") == 0
    assert ingestor.metric("events_accepted_total") == sum(counts.values())


def test_files_that_can_not_be_used_change_nothing(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), **setup.volume.settings())
    other = setup.authority.issue("other", new_key=EC_KEY)
    certificate, key = other.certificate.read_bytes(), other.key.read_bytes()
    bad = [
        (certificate, setup.server.key.read_bytes()),
        (certificate[: len(certificate) // 2], key),
        (b"", key),
        (certificate, b"no PEM"),
    ]
    for number, files in enumerate(bad, 1):
        setup.volume.put_bytes(*files)
        wait_until(
            lambda number=number: ingestor.metric("tls_reload_failures_total") == number,
            TAKEN_OVER_SECONDS,
            f"fault {number} is counted",
        )
        assert served_certificate(setup, ingestor.port) == der(setup.server)
        assert ingestor.post(EVENT).status == 202
    said = [
        line for line in ingestor.logs
        if line["message"] == "the new certificates can't be used; keeping the old ones"
    ]  # fmt: skip
    assert len(said) == len(bad)
    assert b"PRIVATE" not in json.dumps(said).encode()
    setup.volume.put(other, setup.authority.certificate)
    wait_until(
        lambda: served_certificate(setup, ingestor.port) == der(other),
        TAKEN_OVER_SECONDS,
        "the good one",
    )


def test_a_bad_file_fails_the_start(setup: Setup) -> None:
    other = setup.authority.issue("other", new_key=EC_KEY)
    setup.volume.put_bytes(other.certificate.read_bytes(), setup.server.key.read_bytes())
    done = run_to_exit(settings=setup.volume.settings())
    assert done.status != 0
    assert "is not the key of the certificate" in done.said and "http.tls.key_file" in done.said


def test_the_certificates_expiry_is_known_and_warned_of(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), **setup.volume.settings())
    left = ingestor.metric("tls_certificate_expiry_timestamp_seconds") - time.time()
    assert 86_400 < left <= 2 * 86_400
    assert "the server's certificate expires within 14 days" in [line["message"] for line in ingestor.logs]
    setup.volume.put(
        setup.authority.issue("long", days=400, new_key=EC_KEY),
        setup.authority.certificate,
    )
    wait_until(
        lambda: ingestor.metric("tls_certificate_expiry_timestamp_seconds") - time.time() > 399 * 86_400,
        TAKEN_OVER_SECONDS,
        "the new expiry is shown",
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificates(serve: Serve, setup: Setup, version: ssl.TLSVersion, tmp_path: Path) -> None:
    known = setup.authority.issue("client", "URI:spiffe://example.org/client", new_key=EC_KEY)
    unknown = Authority(tmp_path / "other", "other CA").issue("client", new_key=EC_KEY)

    def status(ingestor: Ingestor, client: Issued | None) -> int:
        context = setup.context(client)
        context.minimum_version = context.maximum_version = version
        try:
            with RawConnection(ingestor.port, tls=context) as connection:
                return connection.request("POST", EVENTS, EVENT, {"Content-Type": JSON}).status
        except (OSError, ConnectionClosed):
            return 0

    optional = serve(tls=setup.context(), ADMIN_PORT=0, **setup.volume.settings("optional"))
    assert [status(optional, client) for client in (None, known, unknown)] == [
        202,
        202,
        0,
    ]
    required = serve(tls=setup.context(), ADMIN_PORT=0, **setup.volume.settings("required"))
    assert [status(required, client) for client in (None, known, unknown)] == [
        0,
        202,
        0,
    ]
    assert required.get_admin("/readyz").status == 200
    assert required.metric("tls_handshake_failures_total", reason="no_certificate") == 1
    assert required.metric("tls_handshake_failures_total", reason="bad_certificate") == 1


def test_slow_handshakes_end_and_lock_nobody_out(serve: Serve, setup: Setup) -> None:
    ingestor = serve(
        tls=setup.context(), ADMIN_PORT=0, HTTP_REQUEST_TIMEOUT="2s", HTTP_INFLIGHT_BYTES_MAX="16MiB",
        **setup.volume.settings(),
    )  # fmt: skip
    with contextlib.ExitStack() as held:
        begun = [
            held.enter_context(
                socket.create_connection(("127.0.0.1", ingestor.port), 5, source_address=("127.0.0.3", 0))
            )
            for _ in range(300)
        ]
        for one in begun:
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
        # Their memory is bounded, and the last eighth of it is for others.
        assert ingestor.metric("http_inflight_bytes") <= 14 << 20
        for _ in range(20):
            assert ingestor.post(EVENT).status == 202
        wait_until(
            lambda: ingestor.metric("tls_handshake_failures_total", reason="timed_out") > 200, 10, "they end"
        )
        for one in begun:
            assert one.recv(100) in (b"", b"\x15\x03\x01\x00\x02\x02\x50")
    wait_until(lambda: ingestor.metric("http_inflight_bytes") == 0, 5, "their memory is free")


def test_a_connection_that_is_cut_is_no_fault_of_others(serve: Serve, setup: Setup) -> None:
    ingestor = serve(tls=setup.context(), **setup.volume.settings())
    for cut in ("handshake", "request", "body"):
        connection = ingestor.connect()
        if cut != "handshake":
            head = build_request("POST", EVENTS, headers={"Content-Type": JSON, "Content-Length": "100"})
            connection.send(head if cut == "body" else head[:10])
        connection.reset()
    assert ingestor.post(EVENT).status == 202
    assert ingestor.metric("events_accepted_total") == 1


def proxy_header(client: str) -> bytes:
    addresses = socket.inet_aton(client) + socket.inet_aton("10.0.0.1") + b"\x9c\x40\x01\xbb"
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + len(addresses).to_bytes(2, "big") + addresses


def is_refused(raw: socket.socket) -> bool:
    """Whether the service closes without a byte; what it didn't read makes that a reset."""
    try:
        return raw.recv(100) == b""
    except ConnectionResetError:
        return True


def test_a_balancer_names_the_client_before_tls(serve: Serve, setup: Setup) -> None:
    ingestor = serve(
        tls=setup.context(), ADMIN_PORT=0, HTTP_PROXY_PROTOCOL="required", HTTP_TRUSTED_PROXIES="127.0.0.1",
        **setup.volume.settings(),
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", ingestor.port), 5) as raw:
        raw.sendall(proxy_header("192.0.2.7"))
        with setup.context().wrap_socket(raw, server_hostname="localhost") as client:
            client.sendall(build_request("POST", EVENTS, EVENT, {"Content-Type": JSON}))
            assert client.recv(4096).startswith(b"HTTP/1.1 202 ")
    for first in (
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ):
        with socket.create_connection(("127.0.0.1", ingestor.port), 5) as raw:
            raw.sendall(first)
            assert is_refused(raw)
    with socket.create_connection(
        ("127.0.0.1", ingestor.port), 5, source_address=("127.0.0.2", 0)
    ) as stranger:
        assert is_refused(stranger)
    assert ingestor.metric("connections_dropped_total", reason="proxy_header") == 3
    assert any("version 1" in str(line.get("reason")) for line in ingestor.logs)
