"""Ack level wal: events with a 202 survive the process, the broker, and any outage for which the log has
space."""

import json
import random
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.http_client import Reply
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor, run_to_exit
from support.kafka_broker import KafkaBroker
from support.ledger import Ledger, assert_in_order
from support.load import BodyMaker, LoadClient, ndjson_events, single_events
from support.ports import free_port
from support.topic_reader import read_topic
from support.waiting import wait_until

MIB = 1 << 20
FAILED = 1  # the exit status of a start that failed
WithLog = Callable[..., Ingestor]


@pytest.fixture
def with_log(to_kafka: Callable[..., Ingestor], tmp_path: Path) -> WithLog:
    """with_log(SETTING=value, ...) starts a service at level wal; each start uses the log of the previous
    one."""

    def start(**options: object) -> Ingestor:
        return to_kafka(**({"cwd": tmp_path, "ACK": "wal", "KAFKA_KEY": "/payload/user"} | options))

    return start


def nowhere() -> dict[str, str]:
    """Settings for a Kafka that is not running."""
    return {"KAFKA_BROKERS": f"127.0.0.1:{free_port()}"}


def event(event_id: str, user: str = "u", n: int = 0) -> dict:
    return {"id": event_id, "type": "t", "payload": {"user": user, "n": n}}


def post(ingestor: Ingestor, query: str, body: str, kind: str = JSON) -> Reply:
    return ingestor.request("POST", EVENTS + query, body.encode(), {"Content-Type": kind})


def ids_in(broker: KafkaBroker, topic: str) -> list[str]:
    return sorted(json.loads(record.value)["id"] for record in read_topic(broker.address, topic))


def assert_books(ingestor: Ingestor, **expected: int) -> None:
    """Checks recovered + accepted = delivered + dead-lettered + in the journal + lost, and the given numbers
    of them."""
    names = {
        "recovered": "journal_recovered_events_total",
        "accepted": "events_accepted_total",
        "delivered": "events_delivered_total",
        "dead_lettered": "events_dead_lettered_total",
        "waiting": "journal_events",
        "lost": "journal_lost_events_total",
    }
    metrics = ingestor.metrics()
    found = {key: int(metrics.value(f"event_ingestor_{name}")) for key, name in names.items()}
    assert found["recovered"] + found["accepted"] == sum(
        found[key] for key in ("delivered", "dead_lettered", "waiting", "lost")
    ), found
    assert found == {key: 0 for key in names} | expected


# --- the process is killed


@pytest.mark.sanitizer
def test_what_was_acknowledged_survives_kill_9(with_log: WithLog, broker: KafkaBroker, topic: str) -> None:
    first = with_log(**nowhere())
    assert first.get("/readyz").status == 200, "an outage of Kafka alone does not make it unready"
    replies = [
        post(first, "", json.dumps(event("single"))),
        post(first, "?ack=wal", json.dumps([event("b0", n=1), event("b1", n=2)])),
        post(first, "", "\n".join(json.dumps(event(f"n{n}", n=n + 3)) for n in range(50)), NDJSON),
    ]
    assert {(reply.status, reply.headers["event-ack"]) for reply in replies} == {(202, "wal")}
    assert_books(first, accepted=53, waiting=53)
    first.kill()

    second = with_log(**nowhere())
    assert post(second, "", json.dumps(event("between", n=53))).status == 202
    assert_books(second, recovered=53, accepted=1, waiting=54)
    second.kill()

    third = with_log()
    confirmed = post(third, "?ack=broker", json.dumps(event("confirmed", n=54)))
    assert (confirmed.status, confirmed.headers["event-ack"]) == (200, "broker")
    in_memory = post(third, "?ack=memory", json.dumps(event("memory", n=55)))
    assert (in_memory.status, in_memory.headers["event-ack"]) == (202, "memory")
    third.wait_drained()
    assert_books(third, recovered=54, accepted=2, delivered=56)
    expected = ["single", "b0", "b1", *(f"n{n}" for n in range(50)), "between", "confirmed", "memory"]
    records = read_topic(broker.address, topic)
    assert sorted(json.loads(record.value)["id"] for record in records) == sorted(expected), "each once"
    assert_in_order(records)


@pytest.mark.sanitizer
def test_after_a_graceful_stop_nothing_is_delivered_again(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    first = with_log()
    with LoadClient(first.port, single_events("g"), connections=16) as load:
        load.wait_accepted(1000)
        assert first.terminate() == 0
        result = load.stop()
    second = with_log()
    assert_books(second)
    assert set(ids_in(broker, topic)) >= set(result.accepted)
    assert len(ids_in(broker, topic)) == len(set(ids_in(broker, topic)))


@pytest.mark.versions
def test_rounds_of_kill_9_under_load_lose_and_repeat_nothing(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    ledger = Ledger()
    for n in range(5):
        ingestor = with_log()
        load_of = chance.choice([single_events(f"r{n}"), ndjson_events(f"r{n}", chance.randrange(2, 40))])
        with LoadClient(ingestor.port, load_of, connections=chance.randrange(1, 33)) as load:
            load.wait_accepted(chance.randrange(1, 3000))
            ingestor.kill()
            ledger.add(load.stop())
    last = with_log()
    last.wait_drained()
    assert ledger.check(broker.address, topic) == 0, f"seed {seed}: delivered twice"
    assert last.metric("sink_repeats_total", kind="possible") == 0
    print(f"seed {seed}: {len(ledger.accepted)} accepted in 5 rounds, each delivered once")


def test_what_was_sent_is_sent_as_it_was_though_memory_was_full_of_it(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    settings = {"QUEUE_SIZE": 1000, "WORKER_POOL_SIZE": 1, "KAFKA_LINGER": "1s"}
    first = with_log(**settings)
    assert post(first, "?ack=broker", json.dumps(event("first"))).status == 200
    broker.pause()  # it still receives data, and answers nothing
    for part in range(20):
        lines = [json.dumps(event(f"m{n}", n=n)) for n in range(50 * part, 50 * part + 50)]
        assert post(first, "", "\n".join(lines), NDJSON).status == 202
    wait_until(
        lambda: first.metric("sink_inflight_events") >= 900, 20, "most of the events in memory are sent"
    )
    first.kill()
    broker.resume()
    second = with_log(**settings)
    second.wait_drained(30)
    assert ids_in(broker, topic) == sorted(["first", *(f"m{n}" for n in range(1000))]), "each once"
    assert second.metric("sink_repeats_total", kind="possible") == 0


@pytest.mark.versions
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_that_ends_under_load_loses_repeats_and_reorders_nothing(
    with_log: WithLog, broker: KafkaBroker, topic: str, end: str
) -> None:
    ingestor = with_log(ACK_TIMEOUT="60s")
    ledger = Ledger()
    loads = [
        LoadClient(ingestor.port, ndjson_events(level, 10), 4, path=f"{EVENTS}?ack={level}", pause=0.03)
        for level in ("broker", "wal")
    ]
    with loads[0] as confirmed, loads[1] as logged:
        for load in loads:
            load.wait_accepted(1000)
        {"stop": broker.stop, "kill": broker.kill}[end]()
        logged.wait_accepted(len(logged.result.accepted) + 1000)
        broker.start()
        confirmed.wait_accepted(len(confirmed.result.accepted) + 1000, 60)
        for load in loads:
            ledger.add(load.stop())
    assert [set(load.result.statuses) for load in loads] == [{200}, {202}]
    ingestor.wait_drained(60)
    assert ledger.check(broker.address, topic) == 0, "delivered twice"
    assert ingestor.metric("events_dead_lettered_total") == 0


def test_rounds_in_which_the_broker_is_killed_too_lose_nothing(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    ledger = Ledger()
    for n in range(2):
        ingestor = with_log()
        with LoadClient(ingestor.port, ndjson_events(f"k{n}", 10), connections=8) as load:
            load.wait_accepted(chance.randrange(1, 3000))
            broker.kill()
            load.wait_accepted(len(load.result.accepted) + chance.randrange(1, 3000))
            ingestor.kill()
            ledger.add(load.stop())
        broker.start()
    with_log().wait_drained(60)
    repeats = ledger.check(broker.address, topic)
    print(f"seed {seed}: {len(ledger.accepted)} accepted in 2 rounds, {repeats} delivered again")


# --- Kafka is unreachable


@pytest.mark.sanitizer
def test_a_stop_without_kafka_is_clean_and_keeps_the_events(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    first = with_log(SHUTDOWN_TIMEOUT="1s", **nowhere())
    lines = [json.dumps(event(f"k{n}", n=n)) for n in range(37)]
    assert post(first, "", "\n".join(lines), NDJSON).status == 202
    assert first.terminate(20) == 0
    (told,) = [line for line in first.logs if "stay in the write-ahead log" in line["message"]]
    assert (told["level"].upper(), told["events"], told["dir"]) == ("WARN", 37, "var/wal")

    second = with_log()
    second.wait_drained()
    assert_books(second, recovered=37, delivered=37)
    assert ids_in(broker, topic) == sorted(f"k{n}" for n in range(37)), "each once"


@pytest.mark.sanitizer
def test_a_start_that_fails_beside_a_backlog_ends_and_keeps_it(
    with_log: WithLog, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    first = with_log(SHUTDOWN_TIMEOUT="1s", **nowhere())
    lines = [json.dumps(event(f"b{n}", n=n)) for n in range(500)]
    assert post(first, "", "\n".join(lines), NDJSON).status == 202
    assert first.terminate(20) == 0

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_to_exit(settings=first.settings | {"HTTP_PORT": port}, cwd=tmp_path)
    assert refused.status == FAILED, refused.said
    assert "can't listen" in refused.said

    with_log().wait_drained()
    assert ids_in(broker, topic) == sorted(f"b{n}" for n in range(500)), "each once"


def send_until_refused(ingestor: Ingestor, body_of: BodyMaker) -> tuple[Reply, list[str]]:
    """Returns the rejection that reported a full log, and the ids that were accepted before it."""
    accepted: list[str] = []
    for n in range(2000):
        body = body_of(0, n)
        reply = post(ingestor, "", body.data.decode(), body.content_type)
        if reply.status == 202:
            accepted += body.ids
        elif ingestor.metric("journal_bytes") == ingestor.metric("journal_capacity_bytes"):
            return reply, accepted
        # Otherwise the next file was not prepared yet, which takes a moment.
    raise AssertionError("the log does not fill up")


def test_a_full_log_refuses_and_serves_again_by_itself(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    # The log has 32 files of 2 MiB.
    small = {"BODY_BYTES_MAX": 950_000, "EVENT_BYTES_MAX": 100_000, "BATCH_EVENTS_MAX": 100}
    ingestor = with_log(WAL_BYTES_MAX="64MiB", **small)
    broker.pause()
    accepted: list[str] = []
    # Large events first: when there is no space for them there is still some for smaller ones.
    for body_of in (
        ndjson_events("large", 100, pad_bytes=9000),
        single_events("middle", pad_bytes=9000),
        single_events("small", pad_bytes=0),
    ):
        reply, ids = send_until_refused(ingestor, body_of)
        accepted += ids
        assert (reply.status, reply.code) == (503, "journal_full")
        assert 1 <= int(reply.headers["retry-after"]) <= 3600
    assert 50 * MIB < len(accepted) * 9000 <= 64 * MIB
    assert ingestor.metric("journal_bytes") == ingestor.metric("journal_capacity_bytes") == 64 * MIB
    unready = ingestor.get("/readyz")
    assert (unready.status, unready.code) == (503, "not_ready") and b"wal.bytes_max" in unready.body
    assert ingestor.get("/livez").status == 200
    assert_books(ingestor, accepted=len(accepted), waiting=len(accepted))

    broker.resume()
    wait_until(lambda: ingestor.get("/readyz").status == 200, 60, "the service is ready again")
    for n in range(100):
        assert ingestor.post(event(f"after{n}", "after", n)).status == 202
    ingestor.wait_drained(60)
    records = read_topic(broker.address, topic)
    expected = accepted + [f"after{n}" for n in range(100)]
    assert sorted(json.loads(record.value)["id"] for record in records) == sorted(expected), "each once"
    assert_in_order(records)


def test_a_backlog_larger_than_memory_waits_on_the_disk(
    with_log: WithLog, broker: KafkaBroker, topic: str
) -> None:
    ingestor = with_log(QUEUE_SIZE=2000, QUEUE_BYTES_MAX="2MiB")
    assert ingestor.post(event("first")).status == 202
    ingestor.wait_drained()
    before = ingestor.rss_bytes()
    broker.pause()
    ledger = Ledger()
    # 42 MB in total, twenty times the limit of memory.
    with LoadClient(
        ingestor.port, ndjson_events("b", 100, pad_bytes=350), connections=8, requests=1000
    ) as load:
        load.wait_requests(1000, 60)
        full = ingestor.rss_bytes()
        result = load.stop()
    assert result.statuses == {202: 1000}
    assert ingestor.metric("wal_backlog_events") >= 90_000
    assert ingestor.metric("wal_memory_bytes") <= 4 * MIB
    assert full - before < 16 * MIB, f"RSS was {before / MIB:.0f} MiB, is {full / MIB:.0f} MiB"
    assert ingestor.get("/readyz").status == 200
    broker.resume()
    ingestor.wait_drained(60)
    assert ingestor.rss_bytes() - before < 16 * MIB
    ledger.accepted.add("first")
    ledger.add(result)
    assert ledger.check(broker.address, topic) == 0, "each once"


# --- a log without a running service


def test_drain_delivers_what_a_service_left_behind_and_ends(
    with_log: WithLog, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    left = with_log(**nowhere())
    ids = [f"left-{n}" for n in range(50)]
    body = "\n".join(json.dumps(event(event_id, n=n)) for n, event_id in enumerate(ids))
    assert post(left, "", body, NDJSON).status == 202
    left.kill()

    # The same settings, including the port of the running service, which drain must not use.
    settings = left.settings | {"HTTP_PORT": free_port(), "SHUTDOWN_TIMEOUT": "1s"}
    too_early = run_to_exit("drain", settings=settings, cwd=tmp_path)
    assert too_early.status == 3, too_early.said
    assert "stay in the write-ahead log" in too_early.stdout
    assert read_topic(broker.address, topic) == []

    settings |= {"KAFKA_BROKERS": broker.address, "SHUTDOWN_TIMEOUT": "30s"}
    drained = run_to_exit("drain", settings=settings, cwd=tmp_path)
    assert drained.status == 0, drained.said
    assert ids_in(broker, topic) == sorted(ids)
    assert run_to_exit("drain", settings=settings, cwd=tmp_path).status == 0, (
        "an empty log is drained at once"
    )
    assert_in_order(read_topic(broker.address, topic))


def test_drain_without_a_log_is_refused() -> None:
    refused = run_to_exit("drain", settings={"ACK": "broker"})
    assert refused.status == 2 and "ACK" in refused.stderr, refused.said
