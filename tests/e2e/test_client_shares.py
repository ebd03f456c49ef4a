"""A client that floods the service leaves enough resources to the others; how clients are identified, also
behind a proxy."""

import http.client
import json
from collections.abc import Callable

import pytest
from support.ingestor import EVENTS, NDJSON, Ingestor
from support.ports import free_port
from support.waiting import wait_until

Serve = Callable[..., Ingestor]
CAPACITY = 80
ALL_BUT_AN_EIGHTH = 70
OVER_SHARE = "a client is over its share of a resource"
UNDELIVERED = 3


def post(ingestor: Ingestor, host: int, count: int, **headers: str) -> tuple[int, str]:
    """Sends `count` events from 127.0.0.`host`; returns the status, and the code of a rejection."""
    lines = "\n".join(json.dumps({"type": "t", "n": n}) for n in range(count))
    connection = http.client.HTTPConnection(
        "127.0.0.1", ingestor.port, timeout=20, source_address=(f"127.0.0.{host}", 0)
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("POST", EVENTS, lines, {"Content-Type": NDJSON} | named)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read()).get("code", "")
    finally:
        connection.close()


@pytest.fixture
def stalled(serve: Serve) -> Callable[..., Ingestor]:
    """A service that can't deliver events, as no broker answers."""

    def start(**settings: object) -> Ingestor:
        away = {"SINK": "kafka", "KAFKA_BROKERS": f"127.0.0.1:{free_port()}", "ACK": "memory"}
        small = {"QUEUE_SIZE": CAPACITY, "SHUTDOWN_TIMEOUT": "100ms"}
        return serve(expected_exit=UNDELIVERED, **(away | small | settings))

    return start


@pytest.mark.sanitizer
def test_a_flood_in_an_outage_leaves_the_last_of_the_journal_to_others(
    stalled: Callable[..., Ingestor],
) -> None:
    ingestor = stalled()
    assert post(ingestor, 2, 1) == (202, "")
    assert post(ingestor, 3, ALL_BUT_AN_EIGHTH - 1) == (202, "")
    assert post(ingestor, 3, 1) == (429, "client_over_share")
    assert post(ingestor, 2, 5) == (202, "")
    metrics = ingestor.metrics()
    assert metrics.value("event_ingestor_clients") >= 2
    assert metrics.value("event_ingestor_client_over_share_total", resource="journal") == 1
    held = metrics.value("event_ingestor_client_journal_part_max")
    assert held == pytest.approx((ALL_BUT_AN_EIGHTH - 1) / CAPACITY)
    over_share = {"client": "127.0.0.3", "resource": "journal"}
    wait_until(lambda: ingestor.log_lines(OVER_SHARE, **over_share), 10, "the client is logged")


def test_clients_behind_a_trusted_proxy_are_distinguished(stalled: Callable[..., Ingestor]) -> None:
    ingestor = stalled(HTTP_TRUSTED_PROXIES="127.0.0.2, 10.0.0.0/8")
    assert post(ingestor, 2, 1, X_Forwarded_For="198.51.100.1") == (202, "")
    assert post(ingestor, 2, ALL_BUT_AN_EIGHTH - 1, X_Forwarded_For="198.51.100.2, 10.1.1.1") == (202, "")
    assert post(ingestor, 2, 1, X_Forwarded_For="made-up, 198.51.100.2") == (429, "client_over_share")
    assert post(ingestor, 2, 1, X_Forwarded_For="198.51.100.1") == (202, "")
    wait_until(lambda: ingestor.log_lines(OVER_SHARE, client="198.51.100.2"), 10, "the client is logged")


def test_one_client_alone_and_clients_that_are_not_distinguished_get_all(
    stalled: Callable[..., Ingestor],
) -> None:
    alone = stalled()
    assert post(alone, 2, CAPACITY) == (202, "")
    assert post(alone, 2, 1) == (503, "journal_full")
    alike = stalled(HTTP_CLIENTS_MAX=0)
    assert post(alike, 2, 1) == (202, "")
    assert post(alike, 3, CAPACITY - 1) == (202, "")
    assert post(alike, 2, 1) == (503, "journal_full")
    assert b"\nevent_ingestor_clients " not in alike.get_admin("/metrics").body
