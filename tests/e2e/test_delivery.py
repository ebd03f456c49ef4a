"""The records in a real Kafka topic after a client got replies that its events were accepted."""

import itertools
import json
import os
import secrets
import subprocess
from collections import defaultdict
from collections.abc import Callable
from random import Random

import pytest
from support.ingestor import JSON, NDJSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.load import LoadClient, ndjson_events, single_events
from support.murmur2 import java_partition
from support.noise import COMPRESSED, noise
from support.stored_batches import stored_compressions
from support.topic_reader import Record, read_topic
from support.waiting import wait_until

PARTITIONS = 6
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
ToKafka = Callable[..., Ingestor]


def by_id(records: list[Record]) -> dict[str, Record]:
    found = {json.loads(record.value)["id"]: record for record in records}
    assert len(found) == len(records), "an event is in the topic twice"
    return found


def event(event_id: str, payload: object = None) -> str:
    complete = {"id": event_id, "type": "t", "timestamp": "2026-01-31T12:00:00Z", "payload": payload}
    return json.dumps(complete, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.sanitizer
def test_records_are_the_events_that_were_sent(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka()
    complete = '"id": "odd",  "type":"t","timestamp":"2026-01-31T12:00:00Z"'
    single = f' {{{complete}, "payload":[1e999, "\\u0041", "żółć"] }} '
    assert ingestor.post(single).status == 202
    batch = [event(f"a{n}", {"n": n}) for n in range(10)]
    assert ingestor.post(f"[{','.join(batch)}]").json()["accepted"] == 10
    lines = [event(f"l{n}", "漢字") for n in range(10)]
    assert ingestor.post("\r\n".join(lines), NDJSON).json()["accepted"] == 10
    generated = ingestor.post('{"type":"t"}').json()["id"]
    ingestor.wait_drained()
    records = by_id(read_topic(broker.address, topic))
    assert records.pop("odd").value == single.strip().encode()
    assert records.pop(generated).key == generated.encode()
    assert {record.value for record in records.values()} == {text.encode() for text in batch + lines}


@pytest.mark.sanitizer
def test_the_key_is_the_id_and_the_partition_the_java_clients(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka()
    ids = [f"k{n}" + "x" * (n % 9) for n in range(500)] + ["żółć", 'quote"', "line\nbreak"]
    body = "\n".join(event(event_id) for event_id in ids)
    assert ingestor.post(body, NDJSON).json()["accepted"] == len(ids)
    assert ingestor.metric("journal_capacity_events") == 100_000
    ingestor.wait_drained()
    records = by_id(read_topic(broker.address, topic))
    assert set(records) == set(ids)
    for event_id, record in records.items():
        assert record.key == event_id.encode()
        assert record.partition == java_partition(record.key, PARTITIONS), event_id
    assert len({record.partition for record in records.values()}) == PARTITIONS


def test_keys_lie_where_the_java_client_itself_puts_them(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    letters = "abcXYZ019 -_/żółć漢字😀"
    keys = {"".join(random.choices(letters, k=random.randint(1, 40))).strip() for _ in range(500)} - {""}
    java = broker.create_topic(f"{topic}-java", 7)
    subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
         broker.class_path, "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker.address,
         "--topic", java, "--property", "parse.key=true"],
        input="".join(f"{key}\tvalue\n" for key in keys), check=True, timeout=60, text=True, encoding="utf-8",
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    ours = broker.create_topic(f"{topic}-ours", 7)
    ingestor = to_kafka(KAFKA_TOPIC=ours)
    assert ingestor.post("\n".join(map(event, keys)), NDJSON).json()["accepted"] == len(keys)
    ingestor.wait_drained()
    placed = {record.key: record.partition for record in read_topic(broker.address, java)}
    assert set(placed) == {key.encode() for key in keys}
    assert {record.key: record.partition for record in read_topic(broker.address, ours)} == placed


def test_without_a_key_records_are_spread(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka(KAFKA_KEY="none")
    batches = itertools.count(1)
    sent = 0

    def partitions_used() -> int:
        nonlocal sent
        sent = next(batches)
        lines = "\n".join(event(f"n{sent}-{i}") for i in range(50))
        assert ingestor.post(lines, NDJSON).status == 202
        ingestor.wait_drained()
        return len({record.partition for record in read_topic(broker.address, topic)})

    # The client library may stay with one partition for some milliseconds.
    wait_until(lambda: partitions_used() == PARTITIONS, 30, "all partitions are used")
    records = read_topic(broker.address, topic)
    assert len(by_id(records)) == sent * 50
    assert all(record.key is None for record in records)


def test_the_key_can_be_a_member_of_the_event(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka(KAFKA_KEY="/payload/users/1/na~1me")
    payloads = {
        "string": {"users": [0, {"na/me": "Zoë"}]},
        "escaped": '{"users":[0,{"na/me":"a\\u0062c"}]}',
        "number": {"users": [0, {"na/me": 42}]},
        "absent": {"users": [0]},
        "other": "text",
    }
    for name, payload in payloads.items():
        text = payload if name == "escaped" else json.dumps(payload, ensure_ascii=False)
        body = f'{{"id":"{name}","type":"t","payload":{text}}}'
        assert ingestor.post(body).status == 202, name
    ingestor.wait_drained()
    records = by_id(read_topic(broker.address, topic))
    keys = {name: record.key for name, record in records.items()}
    assert keys["string"] == "Zoë".encode()
    assert keys["escaped"] == b"abc"
    assert keys["number"] == b"42"
    assert keys["absent"] is None and keys["other"] is None
    for name in ("string", "escaped", "number"):
        assert records[name].partition == java_partition(keys[name] or b"", PARTITIONS)


@pytest.mark.sanitizer
def test_a_trace_is_carried_on_and_nothing_else(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka()
    assert ingestor.post(event("traced"), headers={"traceparent": TRACEPARENT}).status == 202
    assert ingestor.post(event("plain"), headers={"X-Request-ID": "r1", "X-Other": "o"}).status == 202
    for n, bad in enumerate(
        ["", "00", "not a trace", TRACEPARENT[:-1], TRACEPARENT.replace("4b", "zz"), "0" * 500]
    ):
        assert ingestor.post(event(f"bad{n}"), headers={"traceparent": bad}).status == 202
    zeros = TRACEPARENT.replace(TRACE_ID, "0" * 32)
    assert ingestor.post(event("zeros"), headers={"traceparent": zeros}).status == 202
    batch = f"{event('b1')}\n{event('b2')}"
    assert ingestor.post(batch, NDJSON, {"Traceparent": TRACEPARENT}).status == 202
    ingestor.wait_drained()
    records = by_id(read_topic(broker.address, topic))
    expected = {"trace_id": TRACE_ID.encode(), "traceparent": TRACEPARENT.encode()}
    for traced in ("traced", "b1", "b2"):
        assert records.pop(traced).headers == expected
    assert {name: record.headers for name, record in records.items() if record.header_count} == {}


@pytest.mark.versions
@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_with_and_without_key_are_read_back_byte_for_byte(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, compression: str
) -> None:
    ingestor = to_kafka(KAFKA_KEY="/payload/key", KAFKA_COMPRESSION=compression)
    text = "żółć 漢字 😀 \u0001" * 20
    expected: dict[str, tuple[bytes | None, bytes, dict[str, bytes]]] = {}
    for batch, headers in enumerate([{"traceparent": TRACEPARENT}, {}]):
        story = {"trace_id": TRACE_ID.encode(), "traceparent": TRACEPARENT.encode()} if headers else {}
        lines = []
        for n in range(300):
            keyed = n % 3 != 0
            lines.append(event(f"{batch}-{n}", ({"key": f"k{n % 20}"} if keyed else {}) | {"text": text}))
            key = f"k{n % 20}".encode() if keyed else None
            expected[f"{batch}-{n}"] = (key, lines[-1].encode(), story)
        assert ingestor.post("\n".join(lines), NDJSON, headers).json()["accepted"] == len(lines)
    ingestor.wait_drained()
    records = by_id(read_topic(broker.address, topic))
    assert {name: (r.key, r.value, r.headers) for name, r in records.items()} == expected
    for record in records.values():
        assert record.header_count == len(record.headers)
        assert record.key is None or record.partition == java_partition(record.key, PARTITIONS)
    assert stored_compressions(broker.data, topic) == {compression}


def test_events_of_a_key_stay_in_order(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka(KAFKA_KEY="/payload/user")
    with LoadClient(ingestor.port, single_events("o"), connections=12, requests=3000) as load:
        load.wait_accepted(3000)
        load.stop()
    with LoadClient(ingestor.port, ndjson_events("p", 50), connections=4, requests=100) as load:
        load.wait_accepted(5000)
        load.stop()
    ingestor.wait_drained()
    numbers = defaultdict(list)
    for record in read_topic(broker.address, topic):
        payload = json.loads(record.value)["payload"]
        assert record.key == payload["user"].encode()
        numbers[record.key, record.partition].append(payload["n"])
    assert sum(len(found) for found in numbers.values()) == 8000
    assert len(numbers) == 16, "each key is in one partition"
    assert all(found == sorted(found) for found in numbers.values())


def assert_dead_letter(record: Record, topic: str, original: str) -> None:
    assert record.value == original.encode()
    assert record.key == json.loads(original)["id"].encode()
    assert set(record.headers) >= {"dlq_code", "dlq_reason", "dlq_attempts", "dlq_topic", "dlq_failed_at"}
    assert record.headers["dlq_topic"] == topic.encode()
    assert record.headers["dlq_code"] and record.headers["dlq_reason"]
    assert int(record.headers["dlq_attempts"]) >= 1
    assert record.headers["dlq_failed_at"].endswith(b"Z") and record.headers["dlq_failed_at"].startswith(
        b"20"
    )


@pytest.mark.versions
@pytest.mark.sanitizer
def test_an_event_too_large_for_the_topic_is_dead_lettered_and_its_neighbours_delivered(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", partitions=1, max_message_bytes="20000")
    dlq = broker.create_topic(f"{topic}-dead", partitions=1)
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_DLQ_TOPIC=dlq, **COMPRESSED)
    small = [event(f"s{n}", "x" * 100) for n in range(60)]
    large = [event(f"L{n}", noise(50_000)) for n in range(3)]
    mixed = small[:20] + large[:1] + small[20:40] + large[1:] + small[40:]
    reply = ingestor.post("\n".join(mixed), NDJSON, {"traceparent": TRACEPARENT})
    assert reply.json()["accepted"] == 63
    metrics = ingestor.wait_drained(60)
    delivered = by_id(read_topic(broker.address, narrow))
    assert {record.value for record in delivered.values()} == {text.encode() for text in small}
    dead = by_id(read_topic(broker.address, dlq))
    assert set(dead) == {"L0", "L1", "L2"}
    for original in large:
        record = dead[json.loads(original)["id"]]
        assert_dead_letter(record, narrow, original)
        assert record.headers["trace_id"] == TRACE_ID.encode()
    assert metrics.value("event_ingestor_events_dead_lettered_total") == 3
    (labels,) = metrics.labels("event_ingestor_events_dead_lettered_total")
    assert {record.headers["dlq_code"].decode() for record in dead.values()} == {labels["code"]}


def test_a_dead_letter_costs_at_most_the_retries_that_are_set(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", partitions=1, max_message_bytes="2000")
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_MAX_RETRIES=0, **COMPRESSED)
    assert ingestor.post(event("large", noise(5000))).status == 202
    ingestor.wait_drained()
    (record,) = read_topic(broker.address, f"{topic}-dlq")
    assert_dead_letter(record, narrow, event("large", noise(5000)))
    # Once in a batch, and once alone to be sure that this event was the cause.
    assert int(record.headers["dlq_attempts"]) <= 2
    assert read_topic(broker.address, narrow) == []


@pytest.mark.sanitizer
def test_under_load_everything_accepted_is_delivered_once(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka()
    with LoadClient(ingestor.port, single_events("one"), connections=32, requests=5000) as load:
        load.wait_accepted(5000, 60)
        singles = load.stop()
    with LoadClient(ingestor.port, ndjson_events("many", 200), connections=8, requests=100) as load:
        load.wait_accepted(20_000, 60)
        batches = load.stop()
    assert (singles.statuses, batches.statuses) == ({202: 5000}, {202: 100})
    metrics = ingestor.wait_drained()
    assert metrics.value("event_ingestor_events_delivered_total") == 25_000
    assert metrics.value("event_ingestor_delivery_duration_seconds_count") == 25_000
    delivered = by_id(read_topic(broker.address, topic))
    assert set(delivered) == set(singles.accepted) | set(batches.accepted)


def test_topics_are_made_by_the_broker_where_it_may(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(KAFKA_TOPIC=f"{topic}-auto")
    assert ingestor.post(event("auto"), JSON).status == 202
    ingestor.wait_drained()
    (record,) = read_topic(broker.address, f"{topic}-auto")
    assert record.key == b"auto"
