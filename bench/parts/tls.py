"""TLS beside nginx with TLS: the same certificate, versions and ciphers."""

import socket
import ssl
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pairs import WARM_UP_SECONDS, Bench, ratios
from processes import Generator, Nginx, rss_bytes, say
from report import Target, spread
from rounds import SINGLE, MeasuredIngestor, Round, nginx_round
from support.certificates import EC_KEY, Authority

KEPT = SINGLE | {"tls": True}
FULL = KEPT | {"close_after": 1}
RESUMED = FULL | {"resume": True}
IDLE_CONNECTIONS = 1000
STEADY = KEPT | {"connections": 16, "rate": 1000}
# Full handshakes, each with a batch that is rejected, so that the accepted events are those of the other load.
FLOOD = FULL | {"host": 3, "events_per_request": 2, "spoilt": True}


def tls(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-tls-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)
        authority = Authority(Path(folder) / "ca")
        issued = authority.issue("server", new_key=EC_KEY)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        nginx = stack.enter_context(Nginx(issued=issued))
        served, other = (
            stack.enter_context(
                bench.serving(
                    topic,
                    tls=context,
                    HTTP_TLS_CERTIFICATE_FILE=issued.certificate,
                    HTTP_TLS_KEY_FILE=issued.key,
                )
            )
            for topic in ("tls", "tls-flooded")
        )
        _beside(bench, served, nginx, "TLS 1.3, kept connections", KEPT, 1.1)
        _beside(bench, served, nginx, "TLS 1.3, a full handshake with each request", FULL, None)
        _beside(bench, served, nginx, "TLS 1.3, a resumed session with each request", RESUMED, None)
        for name, pid, port in (
            ("ingestor", served.ingestor.pid, served.ingestor.port),
            ("nginx", nginx.pid, nginx.port),
        ):
            say(f"  bytes of an idle connection with TLS, {name}: {_idle_bytes(pid, port, context):,.0f}")
        _beside_a_flood(bench, served, other)


def _beside_a_flood(bench: Bench, served: MeasuredIngestor, other: MeasuredIngestor) -> None:
    """The same flood of handshakes on the service and on another one: both take as much CPU from the machine."""
    seconds = bench.options.seconds

    def beside(flooded: MeasuredIngestor) -> Round:
        with Generator(flooded.ingestor.port, duration=seconds + 1, **FLOOD) as flood:
            done = served.round(seconds, **STEADY)
            flood.report()
        return done

    here, elsewhere = bench.paired(
        "TLS, 1,000 requests a second beside a flood of handshakes",
        ("flood here", lambda: beside(served)),
        ("flood elsewhere", lambda: beside(other)),
    )
    bench.targets.append(
        Target("p99 beside a flood of handshakes / elsewhere", ratios(here, elsewhere, "p99_us"), 1.5, "x")
    )


def _beside(
    bench: Bench,
    served: MeasuredIngestor,
    nginx: Nginx,
    title: str,
    load: dict[str, object],
    target: float | None,
) -> None:
    seconds = bench.options.seconds
    served.round(WARM_UP_SECONDS, **load)
    nginx_round(nginx, WARM_UP_SECONDS, **load)
    ours, theirs = bench.paired(
        title,
        ("ingestor", lambda: served.round(seconds, **load)),
        ("nginx return 202", lambda: nginx_round(nginx, seconds, **load)),
    )
    found = ratios(ours, theirs, "cpu_us")
    if target is None:
        say(f"  CPU / nginx: {spread(found)}")
        say(f"  a second of CPU: {spread([1e6 / r.cpu_us for r in ours])} requests, nginx "
            f"{spread([1e6 / r.cpu_us for r in theirs])}")  # fmt: skip
    else:
        bench.targets.append(Target(f"{title}: CPU / nginx", found, target, "x"))


def _idle_bytes(pid: int, port: int, context: ssl.SSLContext) -> float:
    with ExitStack() as held:
        before = rss_bytes(pid)
        for _ in range(IDLE_CONNECTIONS):
            raw = socket.create_connection(("127.0.0.1", port), 5)
            held.enter_context(context.wrap_socket(raw, server_hostname="localhost"))
        return (rss_bytes(pid) - before) / IDLE_CONNECTIONS
