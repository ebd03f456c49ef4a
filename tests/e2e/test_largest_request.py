"""Limits that depend on each other: with settings that pass `config check`, the largest allowed request is
accepted or rejected as too large; it never gets a reply to retry forever."""

import http.client
import json
import random
import socket
from collections.abc import Callable, Iterator

import pytest
from support.http_client import build_request
from support.ingestor import EVENTS, NDJSON, Ingestor, run_to_exit
from support.waiting import wait_until

KIB, MIB = 1 << 10, 1 << 20
SMALLEST = b'{"type":"a"}\n'
Settings = dict[str, object]


def passes(settings: Settings) -> bool:
    return run_to_exit("config", "check", settings=settings).status == 0


def lowest(settings: Settings, name: str, low: int, high: int) -> int:
    """The lowest passing value of the setting within this range."""
    assert passes(settings | {name: high}), (settings, name)
    while low < high:
        middle = (low + high) // 2
        if passes(settings | {name: middle}):
            high = middle
        else:
            low = middle + 1
    return high


def tight_settings(seed: int) -> Settings:
    """Random limits of requests, with the lowest passing values of the settings that depend on them."""
    chance = random.Random(seed)
    body = int(2 ** chance.uniform(10, 21))
    settings: Settings = {
        "SINK": "file",
        "BODY_BYTES_MAX": body,
        "EVENT_BYTES_MAX": max(KIB, int(body * chance.choice((1, 1, 0.5, 0.1)))),
        "BATCH_EVENTS_MAX": int(2 ** chance.uniform(0, 12)),
        "HTTP_HEADER_BYTES_MAX": int(2 ** chance.uniform(11, 16)),
        "HTTP_CLIENTS_MAX": chance.choice((0, 100)),
        "KAFKA_KEY": chance.choice(("none", "id", "/k")),
        "ACK": chance.choice(("memory", "wal", "broker")),
        "WAL_BYTES_MAX": "64MiB",  # so that its files are no larger than the largest request needs
    }
    settings["HTTP_INFLIGHT_BYTES_MAX"] = lowest(settings, "HTTP_INFLIGHT_BYTES_MAX", MIB, 64 * MIB)
    settings["QUEUE_SIZE"] = int(2 ** chance.uniform(3, 13))
    settings["QUEUE_BYTES_MAX"] = lowest(settings, "QUEUE_BYTES_MAX", MIB, 64 * MIB)
    return settings


def of_events(sizes: Iterator[int], settings: Settings) -> bytes:
    """As many events of these sizes as are allowed in one request."""
    left = int(str(settings["BODY_BYTES_MAX"]))
    lines = []
    while left >= len(SMALLEST) and len(lines) < int(str(settings["BATCH_EVENTS_MAX"])):
        size = min(next(sizes), left - 1)
        frame = len('{"type":"a","k":""}')
        line = b'{"type":"a","k":"' + b"x" * (size - frame) + b'"}\n' if size >= frame else SMALLEST
        lines.append(line)
        left -= len(line)
    return b"".join(lines)


def bodies(settings: Settings) -> dict[str, bytes]:
    def always(size: int) -> Iterator[int]:
        while True:
            yield min(size, int(str(settings["EVENT_BYTES_MAX"])))

    # One event of the third size is slightly too large for half of a memory block.
    shapes = {
        "few large": 1 << 30,
        "many small": len(SMALLEST) - 1,
        "half blocks": 131_100,
        "some": 1000,
    }
    return {name: of_events(always(size), settings) for name, size in shapes.items()}


def post(ingestor: Ingestor, body: bytes, chunked: bool, header_bytes: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", ingestor.port, timeout=10, source_address=("127.0.0.3", 0)
    )
    headers = {"Content-Type": NDJSON, "X-Filler": "f" * (header_bytes - 600)}
    pieces = (body[at : at + 5000] for at in range(0, len(body), 5000))
    try:
        connection.request("POST", EVENTS, pieces if chunked else body, headers, encode_chunked=chunked)
        reply = connection.getresponse()
        told = json.loads(reply.read())
        return reply.status, str(told.get("code", told.get("rejected", 0)))
    finally:
        connection.close()


@pytest.mark.parametrize("seed", range(12))
def test_the_largest_request_gets_in_with_whatever_passes_the_check(
    serve: Callable[..., Ingestor], seed: int
) -> None:
    settings = tight_settings(seed)
    ingestor = serve(**settings)
    # Makes a second client active, so that shares apply.
    with socket.create_connection(("127.0.0.1", ingestor.port), source_address=("127.0.0.2", 0)) as other:
        other.sendall(build_request("POST", EVENTS, SMALLEST, {"Content-Type": NDJSON}))
        assert other.recv(4096).startswith(b"HTTP/1.1 20")
        send_largest(ingestor, settings)


def send_largest(ingestor: Ingestor, settings: Settings) -> None:
    header = int(str(settings["HTTP_HEADER_BYTES_MAX"]))
    for shape, body in bodies(settings).items():
        for chunked in (False, True):
            last: tuple[int, str] = (0, "")

            def gets_in(body: bytes = body, chunked: bool = chunked) -> bool:
                nonlocal last
                last = post(ingestor, body, chunked, header)
                return last in ((200, "0"), (202, "0"), (413, "batch_too_large"))

            try:
                wait_until(gets_in, 5, "it is accepted, or rejected as too large", poll_seconds=0.1)
            except AssertionError as fault:
                raise AssertionError(f"{fault}; {shape}, {len(body)} bytes: {last}; {settings}") from None
            ingestor.wait_drained()
