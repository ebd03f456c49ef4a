"""Events are routed to topics by type, and a reload of the routes loses nothing."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestor import JSON, NDJSON, Ingestor, run_to_exit
from support.kafka_broker import KafkaBroker
from support.load import LoadClient, single_events
from support.murmur2 import java_partition
from support.topic_reader import Record, read_topic
from support.waiting import wait_until

PARTITIONS = 6
ToKafka = Callable[..., Ingestor]


def event(event_id: str, kind: str, payload: object = None) -> str:
    return json.dumps({"id": event_id, "type": kind, "payload": payload}, separators=(",", ":"))


def ids(records: list[Record]) -> list[str]:
    return [json.loads(record.value)["id"] for record in records]


def reload(ingestor: Ingestor) -> dict[str, object]:
    """Sends SIGHUP and returns the log line that reports the result."""
    before = len(ingestor.log_lines(component="routing"))
    ingestor.signal(signal.SIGHUP)
    return wait_until(
        lambda: ingestor.log_lines(component="routing")[before:], 10, "the log answers the SIGHUP"
    )[0]


@pytest.mark.sanitizer
def test_events_go_to_their_topics_with_their_keys(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    orders, clicks = (broker.create_topic(f"{topic}-{name}") for name in ("orders", "clicks"))
    routes = tmp_path / "routes.yaml"
    routes.write_text(f"""
routes:
  - {{type: order.*, topic: {orders}, key: /payload/customer}}
  - {{type: order.draft, topic: {clicks}, key: none}}
  - {{type: click, topic: {clicks}, key: header}}
""")
    ingestor = to_kafka(KAFKA_ROUTES_FILE=routes)
    batch = [event(f"o{n}", "order.paid", {"customer": n % 7}) for n in range(70)]
    batch += [event(f"e{n}", "other", {"customer": n}) for n in range(10)]
    batch += [event("draft", "order.draft", {"customer": 1})]
    assert ingestor.post("\n".join(batch), NDJSON).json()["accepted"] == len(batch)
    clicked = ingestor.post(event("c1", "click"), JSON, headers={"X-Event-Key": "session-7"})
    assert clicked.status == 202
    assert ingestor.post(event("c2", "click")).status == 202
    ingestor.wait_drained()

    in_orders = read_topic(broker.address, orders)
    assert sorted(ids(in_orders)) == sorted(f"o{n}" for n in range(70))
    for record in in_orders:
        customer = str(json.loads(record.value)["payload"]["customer"]).encode()
        assert record.key == customer
        assert record.partition == java_partition(customer, PARTITIONS)
    for customer in range(7):
        of_one = [int(name[1:]) for name in ids([r for r in in_orders if r.key == str(customer).encode()])]
        assert of_one == sorted(of_one), "events of one key in their order"
    assert sorted(ids(read_topic(broker.address, topic))) == sorted(f"e{n}" for n in range(10))
    keys = {json.loads(r.value)["id"]: r.key for r in read_topic(broker.address, clicks)}
    assert keys == {"draft": None, "c1": b"session-7", "c2": None}


def test_a_topic_can_ask_for_a_stronger_promise(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    paid = broker.create_topic(f"{topic}-paid")
    routes = tmp_path / "routes.yaml"
    routes.write_text(f"routes: [{{type: paid, topic: {paid}}}]\ntopics: {{{paid}: {{ack: broker}}}}\n")
    ingestor = to_kafka(KAFKA_ROUTES_FILE=routes)
    one = ingestor.post(event("a", "paid"), headers={"Prefer": "return=representation"})
    assert (one.status, one.headers["event-ack"]) == (200, "broker")
    assert one.json()["topic"] == paid
    assert ingestor.post(event("b", "other")).headers["event-ack"] == "memory"
    mixed = ingestor.post(f"[{event('c', 'other')},{event('d', 'paid')}]")
    assert (mixed.status, mixed.headers["event-ack"]) == (200, "broker"), "one request, one promise"


def test_accepted_events_keep_their_topic_over_a_crash(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    orders = broker.create_topic(f"{topic}-orders")
    routes = tmp_path / "routes.yaml"
    routes.write_text(f"routes: [{{type: order, topic: {orders}}}]\n")
    settings = {"KAFKA_ROUTES_FILE": routes, "ACK": "wal", "cwd": tmp_path}
    first = to_kafka(**settings | {"KAFKA_BROKERS": "127.0.0.1:1"})
    accepted = first.post("\n".join([event("o", "order"), event("e", "other")]), NDJSON)
    assert accepted.headers["event-ack"] == "wal"
    first.kill()
    routes.write_text("routes: []\n")
    second = to_kafka(**settings)
    second.wait_drained()
    assert ids(read_topic(broker.address, orders)) == ["o"], "the topic at the time of acceptance"
    assert ids(read_topic(broker.address, topic)) == ["e"]


def test_routes_are_read_again_under_load_without_loss(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    other = broker.create_topic(f"{topic}-other")
    routes = tmp_path / "routes.yaml"
    routes.write_text("routes: []")
    ingestor = to_kafka(KAFKA_ROUTES_FILE=routes)
    with LoadClient(ingestor.port, single_events("r"), connections=8) as load:
        for text in (
            f"routes: [{{type: '*', topic: {other}}}]",
            "routes: []",
            f"routes: [{{type: '*', topic: {other}}}]",
        ):
            load.wait_accepted(len(load.result.accepted) + 200)
            routes.write_text(text)
            assert reload(ingestor)["message"] == "the routes were reloaded"
    ingestor.wait_drained()
    here, there = (ids(read_topic(broker.address, name)) for name in (topic, other))
    assert sorted(here + there) == sorted(load.result.accepted)
    assert here and there


def test_a_bad_file_changes_nothing_and_says_why(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    other = broker.create_topic(f"{topic}-other")
    routes = tmp_path / "routes.yaml"
    routes.write_text(f"routes: [{{type: a, topic: {other}}}]\n")
    ingestor = to_kafka(KAFKA_ROUTES_FILE=routes)
    routes.write_text("routes:\n  - {type: a, topik: x}\n")
    line = reload(ingestor)
    assert line["level"] == "error"
    assert "the current routes stay in force" in str(line["message"])
    assert '"topik" is not known here' in str(line["error"])
    assert f"{routes}:2" in str(line["error"])
    assert ingestor.post(event("1", "a")).status == 202
    routes.write_text("")
    line = reload(ingestor)
    assert line["level"] == "error" and "is empty" in str(line["error"]), (
        "as when an editor has truncated the file"
    )
    assert ingestor.post(event("2", "a")).status == 202
    ingestor.wait_drained()
    assert sorted(ids(read_topic(broker.address, other))) == ["1", "2"]


def test_a_bad_file_stops_the_start_and_the_check(tmp_path: Path) -> None:
    routes = tmp_path / "routes.yaml"
    routes.write_text("routes: [{type: 'a*b', topic: t}]\n")
    for arguments in ((), ("config", "check")):
        done = run_to_exit(*arguments, settings={"KAFKA_ROUTES_FILE": routes})
        assert done.status == 2
        assert "kafka.routes_file" in done.stderr
        assert "has a * that is not its last character" in done.stderr


def test_without_a_file_sighup_is_harmless(to_kafka: ToKafka) -> None:
    ingestor = to_kafka()
    assert reload(ingestor)["message"] == "no routes file is set, so there is nothing to reload"
    assert ingestor.post(event("1", "a")).status == 202
