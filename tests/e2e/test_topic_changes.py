"""Topics that accept smaller records, reject records of one kind, or change their partitions, at a real
broker."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import NewPartitions
from support import kafka_admin
from support.broker_process import QUICK_START
from support.ingestor import EVENTS, NDJSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.topic_reader import Record, read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
KEYS = 50
# A test sends less than a quarter in total, so that a partition that is behind the others on a busy machine
# has none of its events rejected.
ROOMY = {"QUEUE_SIZE": 400_000, "QUEUE_BYTES_MAX": "512MiB"}


class Sender:
    """Sends events numbered per key, one request after the other; one of `keyless_each` has no key."""

    def __init__(self, ingestor: Ingestor, keyless_each: int = 0) -> None:
        self.ingestor = ingestor
        self.sent = 0
        self._keyless_each = keyless_each

    def send(self, requests: int, size: int = 100) -> None:
        for _ in range(requests):
            lines = [self._event(self.sent + i) for i in range(size)]
            reply = self.ingestor.request("POST", EVENTS, "\n".join(lines).encode(), {"Content-Type": NDJSON})
            assert reply.status == 202, reply
            self.sent += size

    def is_keyless(self, number: int) -> bool:
        return self._keyless_each > 0 and number % self._keyless_each == 0

    def _event(self, number: int) -> str:
        key = {} if self.is_keyless(number) else {"key": f"k{number % KEYS}"}
        payload = key | {"n": number, "pad": "x" * 150}
        return json.dumps({"id": f"e{number}", "type": "t", "payload": payload})


def assert_in_order(records: list[Record]) -> None:
    by_key: dict[str, list[int]] = defaultdict(list)
    for record in records:
        payload = json.loads(record.value)["payload"]
        by_key[f"{payload['key']}/{record.partition}"].append(payload["n"])
    behind = sum(sum(a > b for a, b in zip(n, n[1:], strict=False)) for n in by_key.values())
    assert behind == 0, f"{behind} records are after later ones of their key"


def wait_known(ingestor: Ingestor, topic: str) -> None:
    """Waits until the service knows the topic's settings."""
    wait_until(
        lambda: ingestor.log_lines("the largest record that a topic accepts", topic=topic),
        30,
        "the topic's settings are known",
    )


def test_batches_fit_a_topic_with_a_small_limit(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", partitions=3, max_message_bytes="30000")
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_KEY="/payload/key", **ROOMY)
    sender = Sender(ingestor)
    sender.send(1)
    wait_known(ingestor, narrow)
    before = ingestor.metric("events_retried_total")
    sender.send(200, 200)
    ingestor.wait_drained(60)
    # The first events of the new producer are returned to the queue once.
    assert ingestor.metric("events_retried_total") - before <= 2000
    assert not [line for line in ingestor.log_lines() if line.get("code") == "message_too_large"]
    assert ingestor.metric("events_dead_lettered_total") == 0
    records = read_topic(broker.address, narrow)
    assert len(records) == sender.sent
    assert_in_order(records)


def test_events_without_a_key_are_dead_letters_of_a_compacted_topic_at_once(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    compacted = broker.create_topic(f"{topic}-compacted", partitions=6, cleanup_policy="compact")
    letters = broker.create_topic(f"{topic}-letters", partitions=1)
    ingestor = to_kafka(KAFKA_TOPIC=compacted, KAFKA_DLQ_TOPIC=letters, KAFKA_KEY="none")
    wait_known(ingestor, compacted)
    sender = Sender(ingestor)
    began = time.monotonic()
    sender.send(20)
    ingestor.wait_drained(20)
    took = time.monotonic() - began
    assert ingestor.metric("events_dead_lettered_total", code="invalid_record") == 2000
    reasons = {dict(record.headers)["dlq_reason"] for record in read_topic(broker.address, letters)}
    assert all("compacted" in str(reason) for reason in reasons), reasons
    print(f"2,000 dead letters in {took:.1f} s")


@pytest.mark.versions
def test_a_record_that_its_topic_refuses_dies_alone_and_its_neighbours_keep_their_order(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    compacted = broker.create_topic(f"{topic}-compacted", partitions=3, cleanup_policy="compact")
    letters = broker.create_topic(f"{topic}-letters", partitions=1)
    ingestor = to_kafka(KAFKA_TOPIC=compacted, KAFKA_DLQ_TOPIC=letters, KAFKA_KEY="/payload/key")
    wait_known(ingestor, compacted)
    sender = Sender(ingestor, keyless_each=37)
    sender.send(50)
    ingestor.wait_drained(30)
    refused = {f"e{n}" for n in range(sender.sent) if sender.is_keyless(n)}
    assert {json.loads(record.value)["id"] for record in read_topic(broker.address, letters)} == refused
    assert ingestor.metric("events_dead_lettered_total", code="invalid_record") == len(refused)
    assert ingestor.metric("events_retried_total") > len(refused), (
        "good events in the same batches must be retried"
    )
    records = read_topic(broker.address, compacted)
    ids = [json.loads(record.value)["id"] for record in records]
    assert sorted(ids) == sorted({f"e{n}" for n in range(sender.sent)} - refused), "each once"
    assert_in_order(records)


@pytest.fixture(scope="module")
def strict_broker(kafka_version: str) -> Iterator[KafkaBroker]:
    """A broker that doesn't create topics automatically."""
    strict = {"auto.create.topics.enable": "false"}
    with KafkaBroker(strict, version=kafka_version, options=QUICK_START) as broker:
        yield broker


@pytest.mark.parametrize(("before", "after"), [pytest.param(12, 3, marks=pytest.mark.versions), (3, 12)])
def test_a_topic_made_again_with_another_number_of_partitions_keeps_the_order(
    serve: ToKafka, strict_broker: KafkaBroker, before: int, after: int
) -> None:
    again = strict_broker.create_topic(f"again-{after}", partitions=before)
    ingestor = serve(
        SINK="kafka",
        KAFKA_BROKERS=strict_broker.address,
        KAFKA_TOPIC=again,
        KAFKA_KEY="/payload/key",
        **ROOMY,
    )
    sender = Sender(ingestor)
    sender.send(20)
    kafka_admin.delete_topic(strict_broker.admin, again)
    for _ in range(40):
        sender.send(10)
        time.sleep(0.1)
    strict_broker.create_topic(again, partitions=after)
    for _ in range(40):
        sender.send(10)
        time.sleep(0.1)
    ingestor.wait_drained(120)
    assert ingestor.metric("events_dead_lettered_total") == 0
    records = read_topic(strict_broker.address, again)
    assert len(records) > 40_000
    assert_in_order(records)


def test_partitions_added_under_load_keep_the_order(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    wider = broker.create_topic(f"{topic}-wider", partitions=3)
    ingestor = to_kafka(KAFKA_TOPIC=wider, KAFKA_KEY="/payload/key")
    sender = Sender(ingestor)
    sender.send(50)
    for future in broker.admin.create_partitions([NewPartitions(wider, 12)]).values():
        future.result()
    sender.send(50)
    ingestor.wait_drained(60)
    records = read_topic(broker.address, wider)
    assert len(records) == sender.sent
    assert_in_order(records)
