"""Fills each limited resource that clients can reach, with its worst input and in every possible way, while
another client must still be served. docs/bounds.yaml lists the resources; a row without a fill fails here."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import yaml
from support.certificates import EC_KEY, Authority
from support.flood import ATTACKER, PROXY, WITNESS, Crowd, Witness, connect, newcomers, post_once
from support.http_client import build_request
from support.ingestor import EVENTS, JSON, NDJSON, ROOT, Ingestor
from support.ports import free_port

MIB = 1 << 20
INFLIGHT = 16 * MIB
QUEUE = 16 * MIB
# Memory in addition to the resources limited in bytes: stacks and caches of threads, and the objects of
# connections.
SLACK = 12 * MIB
WATCHED_SECONDS = 2.0
WITNESSED_MIN = 30
SUCCESS_MIN = 0.99
UNDELIVERED = 3  # the exit status of a service that stopped with undelivered events

SMALL = {
    "SINK": "file",
    "ADMIN_PORT": 0,
    "HTTP_THREADS": 2,
    "HTTP_CONNECTIONS_MAX": 800,
    "HTTP_INFLIGHT_BYTES_MAX": INFLIGHT,
    "BODY_BYTES_MAX": 2 * MIB,
    "EVENT_BYTES_MAX": 200_000,
    "QUEUE_BYTES_MAX": QUEUE,
    "HTTP_TRUSTED_PROXIES": PROXY,
}
STALLED = {"SINK": "kafka", "SHUTDOWN_TIMEOUT": "100ms"}
FULL = {"journal_full", "client_over_share"}
FULL_REQUESTS_MAX = 20_000


@dataclass
class Attack:
    """Helpers of a fill. Everything that it opens is closed when the test ends."""

    ingestor: Ingestor
    door: str
    stack: ExitStack
    seen: dict[str, int] = field(default_factory=dict)  # how often each rejection occurred

    @property
    def port(self) -> int:
        return self.ingestor.admin_port if self.door == "admin" else self.ingestor.port

    @property
    def source(self) -> str:
        return PROXY if self.door == "proxy" else ATTACKER

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Forwarded-For": "203.0.113.7"} if self.door == "proxy" else {}

    def crowd(self, receive_bytes: int | None = None) -> Crowd:
        return self.stack.enter_context(Crowd(self.port, self.source, receive_bytes))

    def request(self, body: bytes, content_type: str = JSON, query: str = "", **headers: str) -> bytes:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return build_request(
            "POST", EVENTS + query, body, {"Content-Type": content_type} | self.headers | named
        )

    def post(self, body: bytes, content_type: str = JSON) -> str:
        status, code = post_once(
            self.ingestor, body, self.source, {"Content-Type": content_type} | self.headers, self.port
        )
        self.seen[code or str(status)] = self.seen.get(code or str(status), 0) + 1
        return code or str(status)

    def post_until_full(self, body: bytes, content_type: str) -> None:
        """Posts on one connection until there is no space for more."""
        with connect(self.port, self.source) as one:
            replies = one.makefile("rb")
            for _ in range(FULL_REQUESTS_MAX):
                one.sendall(self.request(body, content_type))
                code = read_code(replies)
                self.seen[code] = self.seen.get(code, 0) + 1
                if code in FULL:
                    return
        raise AssertionError(f"never rejected: {self.seen}")


Filler = Callable[[Attack], None]


@dataclass(frozen=True)
class Fill:
    run: Filler
    settings: dict[str, object]
    bytes_max: int  # how much the settings allow it to use
    exit_status: int
    tls: bool
    prefix: bytes  # what the other client sends before all else


FILLS: dict[str, Fill] = {}


def fill(
    name: str,
    bytes_max: int = 0,
    exit_status: int = 0,
    tls: bool = False,
    prefix: bytes = b"",
    **settings: object,
) -> Callable[[Filler], Filler]:
    def add(run: Filler) -> Filler:
        FILLS[name] = Fill(run, settings, bytes_max, exit_status, tls, prefix)
        return run

    return add


@fill("connections")
def fill_connections(attack: Attack) -> None:
    """Idle connections up to the limit of one client, and continuous attempts at new ones."""
    attack.crowd().add(1000 if attack.door != "admin" else 100)
    attack.stack.enter_context(newcomers(attack.port, attack.source))


@fill("headers", bytes_max=800 * 16 << 10)
def fill_headers(attack: Attack) -> None:
    """Headers that grow to their limit and never end."""
    crowd = attack.crowd()
    start = build_request("POST", EVENTS, headers=attack.headers | {"X-Long": "h" * 15_000})[:-2]
    crowd.add(600 if attack.door != "admin" else 60, start)
    crowd.push(0.5)


@fill("bodies", bytes_max=INFLIGHT)
def fill_bodies(attack: Attack) -> None:
    crowd = attack.crowd()
    crowd.add(200, attack.request(b'{"type":"t"}\n' + b" " * 1_000_000, NDJSON)[:-1])
    crowd.push(1.0)


@fill("chunked bodies", bytes_max=INFLIGHT)
def fill_chunked_bodies(attack: Attack) -> None:
    crowd = attack.crowd()
    head = build_request(
        "POST", EVENTS, headers=attack.headers | {"Content-Type": NDJSON, "Transfer-Encoding": "chunked"}
    )
    crowd.add(
        100, head + b'd\r\n{"type":"t"}\n\r\n' + b"400\r\n" + b" " * 1024 + b"\r\n" + b"1\r\n \r\n" * 100_000
    )
    crowd.push(1.0)


@fill("replies", bytes_max=INFLIGHT)
def fill_replies(attack: Attack) -> None:
    """Small pipelined requests with large replies that are never read."""
    crowd = attack.crowd(receive_bytes=2048)
    if attack.door == "admin":
        crowd.add(60, build_request("GET", "/metrics") * 50)
    else:
        crowd.add(300, attack.request(b"[" + b",".join([b"0"] * 10_000) + b"]") * 4)
    crowd.push(2.0)


@fill("replies that list every event", bytes_max=INFLIGHT + QUEUE)
def fill_listing_replies(attack: Attack) -> None:
    crowd = attack.crowd(receive_bytes=2048)
    body = b"\n".join([b'{"type":"t"}'] * 10_000)
    crowd.add(300, attack.request(body, NDJSON, Prefer="return=representation") * 3)
    crowd.push(2.0)


@fill("waiting requests", bytes_max=INFLIGHT + QUEUE, exit_status=UNDELIVERED, **STALLED)
def fill_waiting_requests(attack: Attack) -> None:
    crowd = attack.crowd()
    body = b"\n".join(b'{"type":"t","id":"%d-%s"}' % (n, b"i" * 200) for n in range(1_000))
    crowd.add(500, attack.request(body, NDJSON, "?ack=broker", Prefer="return=representation"))
    crowd.push(2.0)


SHAPES = {
    "tiny events": (b'{"type":"t"}', JSON),
    "batches of tiny events": (b"\n".join([b'{"type":"t"}'] * 500), NDJSON),
    "events just above half a block": (json.dumps({"type": "t", "p": "x" * 131_200}).encode(), JSON),
    "large events": (json.dumps({"type": "t", "p": "x" * 199_000}).encode(), JSON),
}


def read_code(replies: BinaryIO) -> str:
    """The code of the next reply, or its status if it has no code."""
    status = replies.readline()[9:12].decode()
    length = 0
    while line := replies.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    body = replies.read(length)
    return json.loads(body).get("code", status) if int(status) >= 400 else status


OPEN = {"RATE_LIMIT_RPS": 0, "QUEUE_SIZE": 10_000_000} | STALLED
ON_DISK = {"ACK": "wal", "WAL_BYTES_MAX": "64MiB"}


def fill_journal(shape: str) -> Filler:
    return lambda attack: attack.post_until_full(*SHAPES[shape])


fill("tiny events in the journal", exit_status=UNDELIVERED, **(OPEN | {"QUEUE_SIZE": 2000}))(
    fill_journal("tiny events")
)
for shape in SHAPES.keys() - {"tiny events"}:  # tiny events would not fill a disk in the time of a test
    fill(f"{shape} in memory", bytes_max=QUEUE, exit_status=UNDELIVERED, **OPEN)(fill_journal(shape))
    fill(f"{shape} on disk", bytes_max=QUEUE, **(OPEN | ON_DISK))(fill_journal(shape))


@fill("rate", RATE_LIMIT_RPS=1000, RATE_LIMIT_BURST=1000)
def fill_rate(attack: Attack) -> None:
    """A batch larger than the burst, then invalid events, then valid ones, repeated."""
    attack.post(b"\n".join([b'{"type":"t"}'] * 10_000), NDJSON)
    crowd = attack.crowd()
    crowd.add(30, attack.request(b"[" + b",".join([b"0"] * 10_000) + b"]") * 200)
    crowd.add(30, attack.request(b"\n".join([b'{"type":"t"}'] * 1_000), NDJSON) * 200)
    crowd.push(1.0)


@fill("clients", HTTP_CLIENTS_MAX=100)
def fill_clients(attack: Attack) -> None:
    """More clients than the service tracks, each with its own requests."""
    crowd = attack.crowd()
    requests = b"".join(
        build_request(
            "POST", EVENTS, b'{"type":"t"}', {"Content-Type": JSON, "X-Forwarded-For": f"203.0.113.{n}"}
        )
        for n in range(250)
    )
    crowd.add(4, requests)
    crowd.push(2.0)


@fill("keys from the header", bytes_max=INFLIGHT, KAFKA_KEY="header")
def fill_header_keys(attack: Attack) -> None:
    """A key in the header, which is copied for each event of the batch."""
    crowd = attack.crowd()
    body = b"\n".join([b'{"type":"t"}'] * 10_000)
    crowd.add(20, attack.request(body, NDJSON, X_Event_Key="k" * 15_000))
    crowd.push(2.0)


@fill("idempotency window", bytes_max=QUEUE + 40 * 20_000, IDEMPOTENCY_EVENTS=20_000)
def fill_window(attack: Attack) -> None:
    for batch in range(40):
        lines = [b'{"type":"t","id":"%d-%d-%s"}' % (batch, n, b"i" * 200) for n in range(1_000)]
        attack.post(b"\n".join(lines), NDJSON)


@fill("series and log lines")
def fill_series(attack: Attack) -> None:
    """Paths, methods, codes and request ids that never occurred before."""
    crowd = attack.crowd()
    requests = b"".join(
        build_request(f"M{n}" if n % 3 else "GET", f"/{n}/{'p' * 500}", headers={"X-Request-ID": f"{n}" * 20})
        for n in range(300)
    )
    crowd.add(40, requests)
    crowd.push(1.0)


def many(attack: Attack, of_events: int) -> int:
    """A number of connections; the admin port has few."""
    return of_events if attack.door != "admin" else 60


@fill("handshakes", bytes_max=INFLIGHT, tls=True)
def fill_handshakes(attack: Attack) -> None:
    """Handshakes that stop within the first message."""
    crowd = attack.crowd()
    crowd.add(many(attack, 600), b"\x16\x03\x01\x3f\x00\x01\x00\x3e\xfc" + b"h" * 15_000)
    crowd.push(1.0)


@fill("parts of records", bytes_max=INFLIGHT, tls=True)
def fill_parts_of_records(attack: Attack) -> None:
    """Connections that are established, with the beginning of a large record on each."""
    crowd = attack.crowd()
    crowd.add(many(attack, 400))
    assert attack.ingestor.tls is not None
    crowd.begin_tls(attack.ingestor.tls, b"\x17\x03\x03\x40\x00" + b"r" * 16_000)


@fill("updates of keys", tls=True)
def fill_updates_of_keys(attack: Attack) -> None:
    """A line `K` makes openssl send an update of its keys, and ask for one of the server's."""
    clients = []
    for _ in range(4):
        command = ["openssl", "s_client", "-tls1_3", "-connect", f"127.0.0.1:{attack.port}"]
        client = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        attack.stack.callback(client.wait)
        attack.stack.callback(client.kill)
        assert client.stdin is not None
        attack.stack.callback(client.stdin.close)
        clients.append(client.stdin)
    for _ in range(200):
        time.sleep(0.005)  # openssl reads one command at a time
        for stdin in clients:
            with suppress(BrokenPipeError):
                stdin.write(b"K\n")


def proxy_header(client: str, fields: bytes = b"") -> bytes:
    rest = socket.inet_aton(client) + socket.inet_aton("10.0.0.1") + b"\x9c\x40\x01\xbb" + fields
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + len(rest).to_bytes(2, "big") + rest


@fill(
    "proxy headers",
    prefix=proxy_header("198.51.100.9"),
    HTTP_PROXY_PROTOCOL="required",
    HTTP_TRUSTED_PROXIES=f"{PROXY},{WITNESS}",
)
def fill_proxy_headers(attack: Attack) -> None:
    """Headers of nearly the largest size that never end."""
    crowd = attack.crowd()
    crowd.add(400, proxy_header("203.0.113.7", b"\xe0\x0f\xd0" + b"f" * 4048)[:-1])
    crowd.push(1.0)


def rows() -> list[dict[str, Any]]:
    table = yaml.safe_load((ROOT / "docs/bounds.yaml").read_text())
    return [row for group in table["groups"] for row in group["rows"]]


def filled() -> list[tuple[str, str]]:
    """Every fill with each of its doors, once."""
    return sorted({(name, door) for row in rows() for name in row.get("fill", []) for door in row["doors"]})


def test_every_row_that_clients_reach_is_filled_and_every_fill_is_a_row() -> None:
    reachable = [row for row in rows() if {"events", "proxy", "admin"} & set(row["doors"])]
    assert [row["resource"] for row in reachable if not row.get("fill")] == []
    assert {name for row in reachable for name in row["fill"]} == set(FILLS)


@pytest.mark.parametrize(("name", "door"), filled())
def test_filled_it_stays_within_its_bound_and_others_are_served(name: str, door: str, tmp_path: Path) -> None:
    one = FILLS[name]
    settings = SMALL | {"KAFKA_BROKERS": f"127.0.0.1:{free_port()}"} | one.settings
    tls = None
    if one.tls:
        authority = Authority(tmp_path / "ca")
        issued = authority.issue("server", new_key=EC_KEY)
        tls = ssl.create_default_context(cafile=str(authority.certificate))
        settings |= {"HTTP_TLS_CERTIFICATE_FILE": issued.certificate, "HTTP_TLS_KEY_FILE": issued.key}
    with (
        Ingestor(cwd=tmp_path, expected_exit=one.exit_status, tls=tls, **settings) as ingestor,
        ExitStack() as stack,
    ):
        # The service must know the witness before the attack, and the first request creates objects that are
        # created only once.
        assert post_once(ingestor, b'{"type":"w"}', WITNESS, prefix=one.prefix)[0] in (200, 202, 504)
        idle = ingestor.rss_bytes()
        one.run(attack := Attack(ingestor, door, stack))
        witness = stack.enter_context(watched(ingestor, door, one.prefix))
        most = ingestor.rss_bytes()
        end = time.monotonic() + WATCHED_SECONDS
        while time.monotonic() < end or witness.requests < WITNESSED_MIN:
            most = max(most, ingestor.rss_bytes())
            time.sleep(0.02)
            assert time.monotonic() < end + 60, witness.outcomes
        assert witness.success >= SUCCESS_MIN, (witness.outcomes, attack.seen)
        allowed = idle + int(1.2 * one.bytes_max) + SLACK
        print(  # pytest -rP shows it
            f"{name} | {door} | {idle / MIB:.1f} | {most / MIB:.1f} | {allowed / MIB:.1f} | {witness.success:.3f}"
        )
        assert most <= allowed, (
            f"{most / MIB:.0f} MiB, {idle / MIB:.0f} when idle, {allowed / MIB:.0f} allowed"
        )


@contextmanager
def watched(ingestor: Ingestor, door: str, prefix: bytes = b"") -> Iterator[Witness]:
    with Witness(ingestor, door, prefix) as witness:
        yield witness
