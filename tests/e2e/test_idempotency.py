"""The idempotency window: a repeated event is acknowledged and not stored again, also after a crash."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.http_client import Reply
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor, run_to_exit
from support.kafka_broker import KafkaBroker
from support.noise import COMPRESSED, noise
from support.ports import free_port
from support.topic_reader import read_topic
from support.waiting import wait_until

Serve = Callable[..., Ingestor]
LISTED = {"Prefer": "return=representation"}
WINDOW = {"IDEMPOTENCY_EVENTS": 10_000, "IDEMPOTENCY_TIME": "1h"}


@pytest.fixture
def filing(serve: Serve, tmp_path: Path) -> Serve:
    """filing(SETTING=value, ...) starts a service with a window, a log and files; each start uses those of
    the previous one."""

    def start(**options: object) -> Ingestor:
        return serve(**({"cwd": tmp_path, "SINK": "file", "ACK": "wal"} | WINDOW | options))

    return start


def event(event_id: str, **members: object) -> dict:
    return {"id": event_id, "type": "t"} | members


def lines(first: int, end: int) -> str:
    return "\n".join(json.dumps(event(f"n{n}")) for n in range(first, end))


def post(ingestor: Ingestor, query: str, body: object, headers: dict[str, str] | None = None) -> Reply:
    return ingestor.request(
        "POST", EVENTS + query, json.dumps(body).encode(), {"Content-Type": JSON} | (headers or {})
    )


def filed_ids(folder: Path) -> Counter[str]:
    files = (folder / "var/events").glob("events-*.ndjson")
    return Counter(json.loads(line)["id"] for file in files for line in file.read_bytes().splitlines())


def topic_ids(broker: KafkaBroker, topic: str) -> Counter[str]:
    return Counter(json.loads(record.value)["id"] for record in read_topic(broker.address, topic))


def wait_settled(folder: Path) -> None:
    """Waits until the log has recorded that everything was delivered, so that a crash repeats nothing."""

    def unsettled() -> int:
        done = run_to_exit("wal", "stats", "--json", str(folder / "var/wal"))
        assert done.status == 0, done.said
        return json.loads(done.stdout)["events"]

    wait_until(lambda: unsettled() == 0, 20, "the checkpoint covers all")


def rebuilt_ids(ingestor: Ingestor) -> int:
    (line,) = ingestor.log_lines("the idempotency window was rebuilt from the log")
    return line["ids"]


def test_it_is_off_unless_asked_for(serve: Serve) -> None:
    ingestor = serve(SINK="file")
    for _ in range(2):
        assert post(ingestor, "", event("a"), LISTED).json() == {"status": "accepted", "id": "a"}
    ingestor.wait_drained()
    assert filed_ids(ingestor.cwd) == {"a": 2}
    assert ingestor.metric("events_deduplicated_total") == 0


@pytest.mark.sanitizer
def test_a_repeat_is_acknowledged_and_not_stored(filing: Serve, tmp_path: Path) -> None:
    ingestor = filing()
    for _ in range(3):
        reply = post(ingestor, "", event("a"))
        assert (reply.status, reply.json()) == (202, {"status": "accepted", "id": "a"})
    batch = post(ingestor, "", [event("b"), event("a"), event("b"), event("c")], LISTED)
    assert (batch.status, batch.json()["accepted"]) == (202, 4)
    assert [entry.get("duplicate", False) for entry in batch.json()["events"]] == [False, True, True, False]
    assert post(ingestor, "", [event("a", source="shop"), event("a", source=7)]).status == 202
    ingestor.wait_drained()
    assert Counter({"a": 3, "b": 1, "c": 1}) == filed_ids(tmp_path), (
        "other sources, other bytes: other events"
    )
    assert ingestor.metric("event_id_conflicts_total") == 1, "a source that is not a string is ignored"
    metrics = ingestor.metrics()
    assert metrics.value("event_ingestor_events_received_total") == 9
    assert metrics.value("event_ingestor_events_accepted_total") == 5
    assert metrics.value("event_ingestor_events_deduplicated_total") == 4


@pytest.mark.sanitizer
def test_after_a_crash_what_was_delivered_is_not_stored_again(filing: Serve, tmp_path: Path) -> None:
    first = filing()
    assert first.post(lines(0, 500), NDJSON).status == 202
    first.wait_drained()
    wait_settled(tmp_path)
    first.kill()

    second = filing()
    assert rebuilt_ids(second) == 500
    assert second.post(lines(0, 510), NDJSON).json()["accepted"] == 510
    assert second.metric("events_deduplicated_total") == 500
    again = post(second, "?ack=broker", event("n7"), LISTED)
    assert (again.status, again.json()) == (200, {"status": "accepted", "id": "n7", "duplicate": True})
    second.wait_drained()
    assert second.terminate() == 0
    assert filed_ids(tmp_path) == {f"n{n}": 1 for n in range(510)}


@pytest.mark.sanitizer
def test_after_a_crash_what_waits_is_stored_once_whoever_repeats_it(
    to_kafka: Serve, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    """Nothing reached Kafka before the crash, so no event can be there twice."""
    settings = {"cwd": tmp_path, "ACK": "wal"} | WINDOW
    first = to_kafka(**(settings | {"KAFKA_BROKERS": f"127.0.0.1:{free_port()}"}))
    assert first.post(lines(0, 300), NDJSON).status == 202
    first.kill()

    second = to_kafka(**settings)
    assert second.post(lines(100, 400), NDJSON).json()["accepted"] == 300
    assert second.metric("events_deduplicated_total") == 200
    confirmed = post(second, "?ack=broker", [event("n0"), event("n350")])
    assert (confirmed.status, confirmed.json()["accepted"]) == (200, 2)
    second.wait_drained()
    assert topic_ids(broker, topic) == {f"n{n}": 1 for n in range(400)}


def test_the_log_keeps_no_more_than_the_window_asks_for(filing: Serve, tmp_path: Path) -> None:
    # The log has files of 2 MiB.
    small = {"IDEMPOTENCY_EVENTS": 200, "WAL_BYTES_MAX": "64MiB", "BODY_BYTES_MAX": "512KiB"}
    small |= {"EVENT_BYTES_MAX": "100KiB", "BATCH_EVENTS_MAX": 100}
    first = filing(**small)
    padding = "x" * 50_000

    def taken(n: int) -> bool:
        # Eight requests fill such a small segment, perhaps before the next one is prepared: 503, retry.
        reply = post(first, "", [event(f"p{i}", p=padding) for i in range(n, n + 5)])
        assert reply.status in (202, 503), reply.body
        return reply.status == 202

    for n in range(0, 600, 5):
        wait_until(lambda n=n: taken(n), 20, "the batch is taken")
    first.wait_drained()
    wait_settled(tmp_path)
    first.kill()
    kept = sum(file.stat().st_size for file in (tmp_path / "var/wal").glob("*.wal"))
    assert 200 * len(padding) < kept < 200 * len(padding) + (10 << 20)

    second = filing(**small)
    assert rebuilt_ids(second) == 200
    for n in (400, 399):
        assert post(second, "", event(f"p{n}", p=padding)).status == 202
    assert second.metric("events_deduplicated_total") == 1, "p399 was forgotten"


@pytest.mark.sanitizer
def test_at_level_broker_a_repeat_waits_for_kafka(
    to_kafka: Serve, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    ingestor = to_kafka(**WINDOW)
    assert post(ingestor, "?ack=broker", event("first")).status == 200, "the producer is connected"
    broker.pause()
    assert post(ingestor, "?ack=memory", event("a")).status == 202
    with ThreadPoolExecutor(2) as threads:
        replies = [threads.submit(post, ingestor, "?ack=broker", event("a"), LISTED) for _ in range(2)]
        wait_until(lambda: ingestor.metric("requests_waiting") == 2, 20, "both wait")
        assert post(ingestor, "?ack=broker", event("first")).status == 200, "the first event was delivered"
        broker.resume()
        for reply in replies:
            told = reply.result()
            assert (told.status, told.json()) == (200, {"status": "accepted", "id": "a", "duplicate": True})
    assert topic_ids(broker, topic) == {"first": 1, "a": 1}


@pytest.mark.sanitizer
def test_a_dead_lettered_event_may_be_sent_again(to_kafka: Serve, broker: KafkaBroker, topic: str) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", partitions=1, max_message_bytes="20000")
    dlq = broker.create_topic(f"{topic}-dead", partitions=1)
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_DLQ_TOPIC=dlq, **WINDOW, **COMPRESSED)
    for _ in range(2):
        reply = post(ingestor, "?ack=broker", event("large", p=noise(50_000)))
        assert (reply.status, reply.code) == (422, "message_too_large")
    assert topic_ids(broker, dlq) == {"large": 2}
    assert ingestor.metric("events_accepted_total") == 2
    assert ingestor.metric("events_deduplicated_total") == 0


@pytest.mark.sanitizer
def test_of_clients_that_send_the_same_one_stores_it(filing: Serve, tmp_path: Path) -> None:
    ingestor = filing(HTTP_THREADS=4)

    def send(_: int) -> None:
        with ingestor.connect() as connection:
            for n in range(100):
                body = json.dumps([event(f"n{n}"), event(f"n{n + 1}")]).encode()
                assert connection.request("POST", EVENTS, body, {"Content-Type": JSON}).status == 202

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(send, range(6)))
    ingestor.wait_drained()
    assert ingestor.terminate() == 0
    assert filed_ids(tmp_path) == {f"n{n}": 1 for n in range(101)}
