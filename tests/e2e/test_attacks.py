"""One client attacks the service: how many requests of other clients succeed meanwhile."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from support.ingestor import EVENTS, JSON, Ingestor

Serve = Callable[..., Ingestor]
SECONDS = 4
RATE = 1000


def dial(port: int, host: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(f"127.0.0.{host}", 0))


@contextmanager
def flood_of_connections(port: int, host: int) -> Iterator[None]:
    """Opens connections at RATE per second and closes none before the end."""
    stop = threading.Event()
    opened: list[socket.socket] = []

    def run() -> None:
        began, count = time.monotonic(), 0
        while not stop.is_set():
            if count >= (time.monotonic() - began) * RATE:
                stop.wait(0.001)
                continue
            count += 1
            one = socket.socket()
            one.bind((f"127.0.0.{host}", 0))
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            opened.append(one)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for one in opened:
            one.close()


def successes(port: int, host: int, method: str, path: str, body: bytes | None, good: int) -> tuple[int, int]:
    """Sends requests on separate connections for SECONDS; returns how many succeeded, and how many were
    sent."""
    done = total = 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        total += 1
        client = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=5, source_address=(f"127.0.0.{host}", 0)
        )
        try:
            client.request(method, path, body, {"Content-Type": JSON})
            reply = client.getresponse()
            reply.read()
            done += reply.status == good
        except (OSError, http.client.HTTPException):
            pass
        finally:
            client.close()
        time.sleep(0.01)
    return done, total


def test_rejected_connections_lock_no_client_out(serve: Serve) -> None:
    ingestor = serve(SINK="file", HTTP_CONNECTIONS_MAX=400, ADMIN_PORT=0)
    with ExitStack() as held:
        for _ in range(350):
            held.enter_context(dial(ingestor.port, 3))
        with flood_of_connections(ingestor.port, 3):
            done, total = successes(ingestor.port, 2, "POST", EVENTS, b'{"type":"t"}', 202)
    assert total > 50 and done >= 0.99 * total, (done, total)
    dropped = ingestor.get_admin("/metrics").body
    assert b'connections_dropped_total{reason="refused"} 0' not in dropped


@pytest.mark.parametrize("prober", [2, 3])
def test_silent_connections_to_the_admin_port_fail_no_probe(serve: Serve, prober: int) -> None:
    ingestor = serve(SINK="file", ADMIN_PORT=0)
    with ExitStack() as held:
        for _ in range(64):
            held.enter_context(dial(ingestor.admin_port, 3))
        with flood_of_connections(ingestor.admin_port, 3):
            done, total = successes(ingestor.admin_port, prober, "GET", "/livez", None, 200)
    assert total > 50 and done >= 0.99 * total, (done, total)


def test_a_client_that_sends_all_before_it_reads_sees_its_refusal(serve: Serve) -> None:
    ingestor = serve(SINK="file", BODY_BYTES_MAX="1MiB", EVENT_BYTES_MAX="1KiB")
    seen = []
    for _ in range(10):
        client = http.client.HTTPConnection("127.0.0.1", ingestor.port, timeout=20)
        client.request("POST", EVENTS, b" " * 9_000_000, {"Content-Type": JSON})
        reply = client.getresponse()
        seen.append((reply.status, json.loads(reply.read())["code"]))
        client.close()
    assert seen == [(413, "body_too_large")] * 10
