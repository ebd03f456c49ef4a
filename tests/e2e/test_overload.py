"""More load than the service can handle: rejected early and clearly, and normal service directly
afterwards."""

import json
import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.http_client import ConnectionClosed, RawConnection, Reply, build_request
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.load import LoadClient, ndjson_events, single_events
from support.topic_reader import read_topic
from support.waiting import wait_until

MIB = 1 << 20
ToKafka = Callable[..., Ingestor]
ConnectMany = Callable[[Ingestor, int], list[RawConnection]]


@pytest.fixture
def connect_many() -> Iterator[ConnectMany]:
    """connect_many(service, n) opens connections that are closed when the test ends."""
    with ExitStack() as opened:
        yield lambda ingestor, count: [opened.enter_context(ingestor.connect()) for _ in range(count)]


def delivered_ids(broker: KafkaBroker, topic: str) -> list[str]:
    return [json.loads(record.value)["id"] for record in read_topic(broker.address, topic)]


def assert_try_again(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code), reply
    assert 1 <= int(reply.headers["retry-after"]) <= 3600


@pytest.mark.sanitizer
def test_a_full_journal_refuses_and_recovers_with_nothing_lost(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.stop()
    ingestor = to_kafka(QUEUE_SIZE=50)
    accepted = []
    for n in range(60):
        reply = ingestor.post({"id": f"e{n}", "type": "t"})
        if reply.status == 202:
            accepted.append(f"e{n}")
        else:
            assert_try_again(reply, 503, "journal_full")
    assert len(accepted) == 50
    assert ingestor.metric("journal_events") == ingestor.metric("journal_capacity_events") == 50
    ready = ingestor.get("/readyz")
    assert ready.status == 503 and b"journal" in ready.body
    assert ingestor.get("/livez").status == 200
    assert_try_again(ingestor.post([{"type": "t"}] * 2), 503, "journal_full")
    broker.start()
    ingestor.wait_drained(60)
    assert sorted(delivered_ids(broker, topic)) == sorted(accepted)
    assert ingestor.get("/readyz").status == 200
    assert ingestor.post({"type": "t"}).status == 202


def test_a_batch_is_taken_whole_or_not_at_all(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    broker.stop()
    ingestor = to_kafka(QUEUE_SIZE=50)
    assert ingestor.post([{"id": f"first{n}", "type": "t"} for n in range(40)]).status == 202
    refused = ingestor.post([{"id": f"refused{n}", "type": "t"} for n in range(11)])
    assert_try_again(refused, 503, "journal_full")
    # Smaller in bytes too: a request as large as a rejected one may be rejected before it is read.
    assert ingestor.post([{"id": f"next{n}", "type": "t"} for n in range(10)]).status == 202
    # There will never be space for these, so a retry would not help.
    never = ingestor.post([{"type": "t"}] * 51)
    assert never.status in (413, 503) and (never.status == 503 or never.code == "batch_too_large")
    broker.start()
    ingestor.wait_drained(60)
    assert ingestor.post([{"type": "t"}] * 51).code == "batch_too_large"
    ids = delivered_ids(broker, topic)
    assert len(ids) == 50 and not any(event_id.startswith("refused") for event_id in ids)


def test_the_journal_is_bounded_in_bytes_too(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    broker.stop()
    ingestor = to_kafka(QUEUE_BYTES_MAX="1MiB", EVENT_BYTES_MAX="100KiB")
    accepted = 0
    while (reply := ingestor.post({"type": "t", "payload": "x" * 50_000})).status == 202:
        accepted += 1
        assert accepted < 30
    assert_try_again(reply, 503, "journal_full")
    assert accepted >= 10
    assert ingestor.metric("journal_bytes") <= ingestor.metric("journal_capacity_bytes") == MIB
    broker.start()
    ingestor.wait_drained(60)
    assert len(delivered_ids(broker, topic)) == accepted


def test_the_rate_limit_holds_under_load(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka(RATE_LIMIT_RPS=500, RATE_LIMIT_BURST=100)
    with LoadClient(ingestor.port, single_events("r"), connections=16) as load:
        load.wait_accepted(1500, 30)
        result = load.stop()
    assert set(result.statuses) == {202, 429}
    assert result.codes == {"rate_limited": result.statuses[429]}
    assert result.retry_after_missing == 0
    # The burst plus the rate, with a small tolerance for reading the clock.
    assert len(result.accepted) <= 100 + 500 * result.seconds * 1.05 + 1
    ingestor.wait_drained()
    assert sorted(delivered_ids(broker, topic)) == sorted(result.accepted)


def test_memory_stays_flat_under_overload(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    broker.stop()
    ingestor = to_kafka(QUEUE_SIZE=20_000, QUEUE_BYTES_MAX="16MiB", HTTP_CONNECTIONS_MAX=200)
    with LoadClient(ingestor.port, ndjson_events("m", 100), connections=64) as load:
        load.wait_requests(1000, 30)
        wait_until(lambda: load.result.statuses[503] > 100, 30, "the journal is full")
        full = ingestor.rss_bytes()
        answered = load.result.requests
        load.wait_requests(answered + 40_000, 90)
        after = ingestor.rss_bytes()
        result = load.stop()
    assert set(result.statuses) == {202, 503}
    assert result.codes == {"journal_full": result.statuses[503]}
    assert (result.retry_after_missing, result.broken, result.connect_errors) == (0, 0, 0)
    assert after - full < 8 * MIB, f"{full / MIB:.0f} MiB when full, {after / MIB:.0f} MiB later"
    assert result.slowest_seconds < 5
    broker.start()
    ingestor.wait_drained(60)
    ids = delivered_ids(broker, topic)
    assert len(ids) == len(set(ids)) and set(ids) == set(result.accepted)
    assert ingestor.post({"type": "t"}).status == 202


def test_overload_with_the_broker_there_ends_with_the_load(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(QUEUE_SIZE=300)
    with LoadClient(ingestor.port, ndjson_events("b", 100), connections=32, pause_on_refusal=0.001) as load:
        wait_until(lambda: load.result.statuses[503] > 50, 30, "some are rejected")
        load.wait_accepted(20_000, 60)
        result = load.stop()
    # A partition may fall behind the others if CPU time is short.
    assert set(result.statuses) - {207} == {202, 503}
    assert set(result.codes) <= {"journal_full", "partition_stuck"}
    ingestor.wait_drained()
    ids = delivered_ids(broker, topic)
    assert len(ids) == len(set(ids)) and set(ids) == set(result.accepted)
    assert [ingestor.post({"type": "t"}).status for _ in range(100)] == [202] * 100


@pytest.mark.sanitizer
def test_connections_beyond_the_limit_are_refused_and_the_others_served(
    serve: Callable[..., Ingestor], connect_many: ConnectMany
) -> None:
    ingestor = serve(SINK="file", HTTP_CONNECTIONS_MAX=10, HTTP_CLIENTS_MAX=0, ADMIN_PORT=0)
    request = build_request("POST", EVENTS, b'{"type":"t"}', {"Content-Type": JSON})
    held = connect_many(ingestor, 10)
    for connection in held:
        connection.send(request)
        assert connection.read_reply().status == 202
    for _ in range(20):
        with RawConnection(ingestor.port) as extra:
            extra.send(build_request("GET", "/livez"))
            try:
                reply = extra.read_reply()
            except ConnectionClosed as closed:
                raise AssertionError("rejected without a reply") from closed
            assert_try_again(reply, 503, "overloaded")
            assert extra.is_closed()
    for connection in held:
        connection.send(request)
        assert connection.read_reply().status == 202
    held[0].close()
    wait_until(lambda: ingestor.post({"type": "t"}).status == 202, 10, "there is room for another one")


def test_bodies_under_way_are_bounded(serve: Callable[..., Ingestor], connect_many: ConnectMany) -> None:
    ingestor = serve(
        SINK="file", HTTP_INFLIGHT_BYTES_MAX="1MiB", BODY_BYTES_MAX="600KiB", EVENT_BYTES_MAX="1KiB"
    )
    body = b'{"type":"t"}\n' + b" " * 500_000
    head = build_request("POST", EVENTS, None, {"Content-Type": NDJSON, "Content-Length": str(len(body))})
    held = connect_many(ingestor, 8)
    for connection in held:
        connection.send_until_refused(head + body[:-1])

    def refused() -> list[RawConnection]:
        return [connection for connection in held if connection.readable()]

    wait_until(lambda: len(refused()) >= 5, 10, "those that don't fit are rejected")
    assert ingestor.metric("http_inflight_bytes") <= MIB
    statuses = Counter()
    for connection in held:
        if not connection.readable():
            connection.send(body[-1:])
        reply = connection.read_reply()
        statuses[reply.status] += 1
        if reply.status != 202:
            assert_try_again(reply, 503, "overloaded")
    assert statuses[202] >= 1 and statuses[503] >= 5
    wait_until(lambda: ingestor.metric("http_inflight_bytes") == 0, 10, "the bytes are released")


def test_more_connections_than_files_are_survived(
    serve: Callable[..., Ingestor], connect_many: ConnectMany
) -> None:
    ingestor = serve(SINK="file")
    (served,) = connect_many(ingestor, 1)
    assert served.request("GET", "/livez").status == 200
    # Only the soft limit changes, so that it can be raised again.
    hard = resource.prlimit(ingestor.pid, resource.RLIMIT_NOFILE)[1]
    open_now = len(os.listdir(f"/proc/{ingestor.pid}/fd"))
    resource.prlimit(ingestor.pid, resource.RLIMIT_NOFILE, (open_now + 20, hard))
    held = connect_many(ingestor, 60)
    for _ in range(10):
        assert served.request("POST", EVENTS, b'{"type":"t"}', {"Content-Type": JSON}).status == 202
    for connection in held:
        connection.close()
    resource.prlimit(ingestor.pid, resource.RLIMIT_NOFILE, (hard, hard))
    wait_until(lambda: ingestor.post({"type": "t"}).status == 202, 20, "it serves again")
