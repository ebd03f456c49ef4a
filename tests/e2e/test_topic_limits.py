"""Events that are too large for their topic, rejected at admission once the topic's limit is known."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer
from support import kafka_admin
from support.http_client import Reply
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.topic_reader import read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
LIMIT = 2000
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def event(event_id: str, pad: int, kind: str = "t") -> str:
    return json.dumps({"id": event_id, "type": kind, "timestamp": "2026-01-31T12:00:00Z", "pad": "x" * pad})


def post(ingestor: Ingestor, body: str, headers: dict[str, str] | None = None) -> Reply:
    return ingestor.request(
        "POST", f"{EVENTS}?ack=broker", body.encode(), {"Content-Type": JSON} | (headers or {})
    )


def wait_known(ingestor: Ingestor, topic: str, limit: int) -> None:
    wait_until(
        lambda: ingestor.log_lines(
            "the largest record that a topic accepts", topic=topic, max_message_bytes=limit
        ),
        30,
        "the limit is known",
    )


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    ("key", "headers"),
    [("id", {}), ("none", {}), ("id", {"traceparent": TRACEPARENT})],
    ids=["keyed", "without-key", "traced"],
)
def test_the_largest_event_that_kafka_takes_is_taken_and_one_byte_more_is_refused(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, key: str, headers: dict[str, str]
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", partitions=1, max_message_bytes=str(LIMIT))
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_KEY=key)
    wait_known(ingestor, narrow, LIMIT)
    fits, refused = 1000, LIMIT
    while refused - fits > 1:
        pad = (fits + refused) // 2
        reply = post(ingestor, event(f"e{pad}", pad), headers)
        assert reply.status == 200 or (reply.status, reply.code) == (413, "too_large_for_topic"), pad
        fits, refused = (pad, refused) if reply.status == 200 else (fits, pad)
    assert narrow in post(ingestor, event("refused", refused), headers).json()["detail"]
    ingestor.wait_drained()
    assert ingestor.metric("events_dead_lettered_total") == 0
    assert ingestor.metric("events_rejected_total", code="too_large_for_topic") > 0

    producer = Producer({"bootstrap.servers": broker.address})
    outcome: list[KafkaError | None] = []
    record = event(f"e{refused}", refused)
    story = {"trace_id": TRACE_ID, "traceparent": TRACEPARENT} if headers else None
    producer.produce(
        narrow,
        record,
        None if key == "none" else f"e{refused}",
        headers=story,
        on_delivery=lambda error, _: outcome.append(error),
    )
    assert producer.flush(30) == 0
    assert outcome[0] is not None and outcome[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_each_topic_of_the_routes_has_its_own_limit(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", max_message_bytes=str(LIMIT))
    packed = broker.create_topic(f"{topic}-packed", max_message_bytes=str(LIMIT))
    routes = {
        "routes": [{"type": "narrow.*", "topic": narrow}, {"type": "packed.*", "topic": packed}],
        "topics": {packed: {"compression": "lz4"}},
    }
    file = tmp_path / "routes.yaml"
    file.write_text(json.dumps(routes))
    ingestor = to_kafka(KAFKA_ROUTES_FILE=file)
    for kind in ("narrow.a", "packed.a", "other"):
        assert post(ingestor, event("first", 10, kind)).status == 200
    wait_known(ingestor, narrow, LIMIT)
    large = [event(name, 4000, name) for name in ("narrow.b", "packed.b", "other")]
    reply = ingestor.post("\n".join(large), NDJSON)
    assert reply.status == 207
    (error,) = reply.json()["errors"]
    assert (error["index"], error["id"], error["code"]) == (0, "narrow.b", "too_large_for_topic")
    assert narrow in error["message"] and str(LIMIT) in error["message"]
    ingestor.wait_drained()
    assert ingestor.metric("events_dead_lettered_total") == 0, "the packed one fits once compressed"
    assert not ingestor.log_lines("the largest record that a topic accepts", topic=packed)


@pytest.mark.versions
def test_a_topic_that_takes_less_than_before_is_asked_again_when_it_refuses(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka()
    wait_known(ingestor, topic, 1_048_588)
    kafka_admin.set_topic_configs(broker.admin, topic, max_message_bytes=str(LIMIT))
    numbers = itertools.count()

    def dead_letter() -> Reply | None:
        reply = post(ingestor, event(f"accepted{next(numbers)}", 4000))
        return reply if reply.status != 200 else None

    reply = wait_until(dead_letter, 20, "the broker uses the new setting")
    assert (reply.status, reply.code) == (422, "message_too_large"), "it became a dead letter"
    wait_known(ingestor, topic, LIMIT)
    assert post(ingestor, event("refused", 4000)).code == "too_large_for_topic"
    ingestor.wait_drained()
    last = f"accepted{next(numbers) - 1}".encode()
    assert [record.key for record in read_topic(broker.address, f"{topic}-dlq")] == [last]


def test_waiting_events_are_checked_by_rules_that_are_learnt_meanwhile(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    """Events without a key, of a topic that becomes compacted: at first the service can't know why it rejects
    everything."""
    other = broker.create_topic(f"{topic}-other")
    file = tmp_path / "routes.yaml"
    file.write_text(json.dumps({"routes": [{"type": "other", "topic": other}]}))
    ingestor = to_kafka(KAFKA_KEY="none", KAFKA_ROUTES_FILE=file)
    wait_known(ingestor, topic, 1_048_588)
    kafka_admin.set_topic_configs(broker.admin, topic, cleanup_policy="compact")

    def send(kind: str, count: int = 1) -> None:
        body = "\n".join(event("e", 10, kind) for _ in range(count))
        reply = ingestor.request("POST", f"{EVENTS}?ack=memory", body.encode(), {"Content-Type": NDJSON})
        assert reply.status == 202

    def takes_nothing() -> bool:
        send("t")
        return ingestor.metric("sink_faults_total", code="all_refused") > 0

    wait_until(takes_nothing, 30, "all are rejected")
    send("t", 200)
    # A new topic makes the service read the settings of all topics.
    send("other")
    wait_known(ingestor, other, 1_048_588)
    ingestor.wait_drained(20)
    assert ingestor.metric("events_dead_lettered_total") > 200
