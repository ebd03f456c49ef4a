"""The guarantees of the ack levels memory and broker, from the client's side, with a real broker."""

import json
from collections.abc import Callable

import pytest
from support.http_client import Reply
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.load import LoadClient, single_events
from support.noise import COMPRESSED, noise
from support.topic_reader import read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
LISTED = {"Prefer": "return=representation"}


def post(
    ingestor: Ingestor, query: str, body: str, headers: dict[str, str] | None = None, kind: str = JSON
) -> Reply:
    return ingestor.request("POST", EVENTS + query, body.encode(), {"Content-Type": kind} | (headers or {}))


def event(event_id: str, payload: str = "") -> str:
    return json.dumps({"id": event_id, "type": "t", "payload": payload})


def places(broker: KafkaBroker, topic: str) -> dict[str, tuple[int, int]]:
    """Partition and offset of each event in the topic, by its id."""
    records = read_topic(broker.address, topic)
    found = {json.loads(record.value)["id"]: (record.partition, record.offset) for record in records}
    assert len(found) == len(records), "an event is in the topic twice"
    return found


@pytest.mark.sanitizer
def test_broker_reports_where_each_event_is_stored(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka()
    single = post(ingestor, "?ack=broker", event("one"), LISTED)
    assert (single.status, single.headers["event-ack"]) == (200, "broker")
    plain = post(ingestor, "?ack=broker", event("plain"))
    assert (plain.status, plain.json()) == (200, {"status": "accepted", "id": "plain"})
    lines = "\n".join([event(f"n{n}") for n in range(50)] + ['{"id":"bad"}'])
    batch = post(ingestor, "?ack=broker", lines, LISTED, NDJSON)
    assert (batch.status, batch.headers["event-ack"]) == (207, "broker")
    assert (batch.json()["accepted"], batch.json()["rejected"]) == (50, 1)

    stored = places(broker, topic)  # all of them, without waiting
    assert set(stored) == {"one", "plain"} | {f"n{n}" for n in range(50)}
    told = [single.json(), *batch.json()["events"]]
    assert {entry["topic"] for entry in told} == {topic}
    assert {entry["id"]: (entry["partition"], entry["offset"]) for entry in told} == {
        event_id: place for event_id, place in stored.items() if event_id != "plain"
    }
    assert [entry["index"] for entry in batch.json()["events"]] == list(range(50))
    assert ingestor.metric("requests_waiting") == 0
    assert ingestor.metric("journal_events") == 0, "the counts are updated before the reply"


@pytest.mark.sanitizer
def test_the_reply_names_the_level_that_was_given(to_kafka: ToKafka) -> None:
    ingestor = to_kafka(ACK="broker")
    for query, status, level in (
        ("", 200, "broker"),
        ("?ack=memory", 202, "memory"),
        ("?ack=broker", 200, "broker"),
    ):
        reply = post(ingestor, query, event("e"))
        assert (reply.status, reply.headers["event-ack"]) == (status, level), query
    for query, code in (
        ("?ack=wal", "ack_unavailable"),
        ("?ack=all", "invalid_ack"),
        ("?ack=wal&ack=wal", "invalid_ack"),
    ):
        reply = post(ingestor, query, event("e"))
        assert (reply.status, reply.code) == (400, code), query
    assert "ingest.ack" in post(ingestor, "?ack=wal", event("e")).json()["detail"]
    assert ingestor.metric("events_received_total") == 3


def test_what_asks_for_less_than_the_least_gets_the_least(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(ACK="broker", ACK_MIN="broker")
    for query in ("", "?ack=memory", "?ack=wal", "?ack=broker"):
        reply = post(ingestor, query, event(f"m{query}"))
        assert (reply.status, reply.headers["event-ack"]) == (200, "broker"), query
    assert len(places(broker, topic)) == 4


@pytest.mark.sanitizer
def test_an_ack_that_is_late_is_a_504_and_the_event_arrives_once(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(ACK="broker", ACK_TIMEOUT="500ms")
    assert post(ingestor, "", event("before")).status == 200
    broker.pause()
    late = post(ingestor, "", event("late"))
    assert (late.status, late.code) == (504, "ack_timeout")
    assert late.json()["ids"] == ["late"]
    batch = post(ingestor, "", f"[{event('b1')},{event('b2')}]")
    assert (batch.status, batch.json()["ids"]) == (504, ["b1", "b2"])
    assert ingestor.metric("ack_timeouts_total") == 2
    assert ingestor.metric("requests_waiting") == 0
    assert ingestor.metric("journal_events") == 3
    assert ingestor.get("/readyz").status == 200, "an outage does not make it unready"
    broker.resume()
    ingestor.wait_drained(60)
    assert set(places(broker, topic)) == {"before", "late", "b1", "b2"}
    assert post(ingestor, "", event("after")).status == 200


@pytest.mark.sanitizer
def test_a_dead_letter_is_reported_to_waiting_clients(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", partitions=1, max_message_bytes="20000")
    dlq = broker.create_topic(f"{topic}-dead", partitions=1)
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_DLQ_TOPIC=dlq, ACK="broker", **COMPRESSED)
    single = post(ingestor, "", event("large", noise(50_000)))
    assert (single.status, single.code) == (422, "message_too_large")
    assert "dead-letter topic" in single.json()["detail"]
    assert set(places(broker, dlq)) == {"large"}

    lines = [event("s0"), event("L1", noise(50_000)), event("s2")]
    batch = post(
        ingestor, "", "\n".join(lines), LISTED | {"Prefer": "handling=strict, return=representation"}, NDJSON
    )
    assert batch.status == 207
    body = batch.json()
    assert (body["accepted"], body["rejected"]) == (2, 1)
    (error,) = body["errors"]
    assert (error["index"], error["id"], error["code"]) == (1, "L1", "message_too_large")
    assert {entry["id"]: (entry["partition"], entry["offset"]) for entry in body["events"]} == places(
        broker, narrow
    )
    nothing = post(ingestor, "", f"[{event('L3', noise(50_000))}]")
    assert (nothing.status, nothing.json()["accepted"]) == (422, 0)
    assert set(places(broker, dlq)) == {"large", "L1", "L3"}
    ingestor.wait_drained()


@pytest.mark.sanitizer
def test_at_level_broker_it_is_ready_once_kafka_was_reached(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.stop()
    ingestor = to_kafka(ACK="broker", ACK_TIMEOUT="200ms")
    unready = ingestor.get("/readyz")
    assert (unready.status, unready.code) == (503, "not_ready")
    assert "kafka.brokers" in unready.json()["detail"]
    assert ingestor.get("/livez").status == 200
    assert post(ingestor, "", event("early")).status == 504
    broker.start()
    wait_until(lambda: ingestor.get("/readyz").status == 200, 30, "the service is ready")
    ingestor.wait_drained(60)
    broker.stop()
    assert post(ingestor, "?ack=memory", event("later")).status == 202
    wait_until(lambda: ingestor.metric("journal_oldest_age_seconds") > 1, 10, "1 s without the broker")
    assert ingestor.get("/readyz").status == 200
    broker.start()
    ingestor.wait_drained(60)
    assert set(places(broker, topic)) == {"early", "later"}


@pytest.mark.sanitizer
def test_under_load_everything_acknowledged_is_in_the_topic(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(ACK="broker")
    with LoadClient(ingestor.port, single_events("one"), connections=64, requests=5000) as load:
        load.wait_accepted(5000, 60)
        singles = load.stop()
    assert singles.statuses == {200: 5000}
    ingestor.kill()  # so it can't deliver acknowledged events any more
    assert set(places(broker, topic)) >= set(singles.accepted)


@pytest.mark.sanitizer
def test_a_stop_answers_those_that_wait(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka(ACK="broker", ADMIN_PORT=0)
    with ingestor.connect() as client:
        broker.pause()
        body = event("waits").encode()
        head = f"POST {EVENTS} HTTP/1.1\r\nHost: t\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body)
        wait_until(lambda: ingestor.metric("requests_waiting") == 1, 10, "the request waits")
        ingestor.signal(15)
        wait_until(lambda: ingestor.log_lines("stopping"), 10, "the stop has begun")
        broker.resume()
        reply = client.read_reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert ingestor.wait_exit() == 0
    assert set(places(broker, topic)) == {"waits"}


def test_files_confirm_without_a_place(serve: Callable[..., Ingestor]) -> None:
    ingestor = serve(SINK="file", ACK="broker")
    assert ingestor.get("/readyz").status == 200
    reply = post(ingestor, "", f"[{event('f1')}]", LISTED)
    assert (reply.status, reply.headers["event-ack"]) == (200, "broker")
    assert reply.json()["events"] == [{"index": 0, "id": "f1"}]
    (file,) = (ingestor.cwd / "var/events").glob("events-*.ndjson")
    assert b'"f1"' in file.read_bytes(), "it is in the file before the reply is sent"
