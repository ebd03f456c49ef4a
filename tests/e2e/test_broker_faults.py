"""Faults of a three-broker Kafka and of the network to it, under load: no accepted event is lost or
dead-lettered, and the order of each key is kept.

EI_FAULT_SECONDS is how long a broker is frozen or a topic does not exist. The default is long enough for the
controller to fence the broker, and too short for the client library to give up on it.
"""

import itertools
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.http_client import Reply
from support.ingestor import EVENTS, JSON, Ingestor
from support.kafka_cluster import KafkaCluster
from support.ledger import Ledger, assert_in_order
from support.load import LoadClient, single_events
from support.topic_reader import count_records, read_topic
from support.waiting import wait_until

pytestmark = pytest.mark.faults

FAULT_SECONDS = float(os.environ.get("EI_FAULT_SECONDS", "6"))
KEYS = 24
SETTINGS = {
    "ACK": "wal",
    "KAFKA_KEY": "/payload/user",
    # If an outage were treated as an event's own failure, a dead letter would appear at once.
    "KAFKA_MAX_RETRIES": 0,
    "KAFKA_WRITE_TIMEOUT": "2s",
    "RATE_LIMIT_RPS": 1000,
    "RATE_LIMIT_BURST": 1000,
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def whole_cluster(kafka_version: str) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(version=kafka_version)
    try:
        yield cluster.start_all()
    finally:
        cluster.close()


@pytest.fixture
def cluster(whole_cluster: KafkaCluster) -> Iterator[KafkaCluster]:
    """All brokers running at the start of each test."""
    yield whole_cluster
    whole_cluster.mend()


class Run:
    """A service that delivers to the cluster, under a load of KEYS keys; done() checks that all events
    arrived."""

    def __init__(self, cluster: KafkaCluster, ingestor: Ingestor, topic: str):
        self.cluster = cluster
        self.ingestor = ingestor
        self.topic = topic
        self.load = LoadClient(ingestor.port, single_events("f"), KEYS, pause_on_refusal=0.02).start()

    def more_accepted(self, count: int = 500) -> None:
        self.load.wait_accepted(len(self.load.result.accepted) + count)

    def more_delivered(self, count: int = 500) -> None:
        wanted = self.delivered() + count
        wait_until(lambda: self.delivered() >= wanted, 30, f"{count} more events are delivered")

    def delivered(self) -> float:
        return self.ingestor.metric("events_delivered_total")

    def wait_stuck(self, seconds: float) -> None:
        """Waits until an event has waited for `seconds`, while others are still accepted."""
        wait_until(
            lambda: self.ingestor.metric("journal_oldest_age_seconds") >= seconds,
            seconds + 20,
            f"an event has waited for {seconds} s",
        )
        self.more_accepted(100)

    def reconnections(self) -> float:
        metrics, logins = self.ingestor.metrics(), "event_ingestor_broker_logins_total"
        return metrics.value(logins) - len(metrics.labels(logins))

    def faults(self, code: str) -> float:
        return self.ingestor.metric("sink_faults_total", code=code)

    def settle(self) -> int:
        """Ends the load and waits for the last delivery, after which the counts balance. Returns the number
        of retried deliveries."""
        result = self.load.stop()
        assert set(result.statuses) <= {200, 202, 429}, result.statuses
        assert (result.broken, result.connect_errors, result.unanswered) == (0, 0, [])
        metrics = self.ingestor.wait_drained(60)
        assert metrics.value("event_ingestor_events_dead_lettered_total") == 0
        assert count_records(self.cluster.address, f"{self.topic}-dlq") == 0
        return int(metrics.value("event_ingestor_events_retried_total"))

    def done(self, *also_accepted: str) -> None:
        """Checks that every accepted event is in the topic, in order, and twice only if it was sent twice."""
        retried = self.settle()
        ledger = Ledger()
        ledger.add(self.load.result)
        ledger.accepted |= set(also_accepted)
        repeats = ledger.check(self.cluster.address, self.topic)
        assert repeats <= retried, "the idempotent producer repeated an event that was not retried"
        print(
            f"{len(ledger.accepted)} accepted in {self.load.result.seconds:.1f} s, 0 missing, 0 out of order, "
            f"{retried} sent again, {repeats} twice in the topic"
        )


@pytest.fixture
def start(cluster: KafkaCluster, serve: Callable[..., Ingestor]) -> Iterator[Callable[..., Run]]:
    """start(assignment=...) creates a topic, a service and a load; returns when events flow."""
    runs: list[Run] = []

    def run(assignment: list[list[int]] | None = None, **settings: object) -> Run:
        topic = cluster.create_topic(f"faults-{next(_numbers)}", assignment=assignment)
        cluster.create_topic(f"{topic}-dlq", partitions=1)
        kafka = {"KAFKA_BROKERS": cluster.proxied_address, "KAFKA_TOPIC": topic}
        ingestor = serve(**(SETTINGS | kafka | {"KAFKA_DLQ_TOPIC": f"{topic}-dlq"} | settings))
        runs.append(Run(cluster, ingestor, topic))
        runs[-1].more_delivered()
        return runs[-1]

    yield run
    for started in runs:
        started.load.stop()


Start = Callable[..., Run]


# --- brokers


@pytest.mark.versions
def test_a_leader_killed_and_restarted(start: Start, cluster: KafkaCluster) -> None:
    run = start()
    victim = cluster.leader(run.topic)
    cluster.kill(victim)
    run.more_delivered()
    cluster.wait_no_leader_on(victim, run.topic)
    run.more_delivered()
    cluster.start(victim)
    cluster.wait_in_sync(run.topic)
    run.more_delivered()
    assert run.faults("connection_failed") >= 1
    run.done()


def test_a_rolling_restart(start: Start, cluster: KafkaCluster) -> None:
    # The level of a service without a disk.
    run = start(ACK="broker")
    for number in cluster.brokers:
        cluster.stop(number)
        run.more_delivered()
        cluster.start(number)
        cluster.wait_in_sync(run.topic)
    run.more_delivered()
    assert run.reconnections() >= 3
    run.done()


def test_the_controller_moved(start: Start, cluster: KafkaCluster) -> None:
    first = cluster.controller()
    others = sorted(set(cluster.brokers) - {first})
    # All leaders are on other brokers, so that only the controller is missing.
    run = start(assignment=[[*order, first] for order in (others, others[::-1]) * 3])
    cluster.kill(first)
    run.more_delivered()
    wait_until(lambda: cluster.controller() != first, 20, "another controller")
    cluster.wait_in_sync(run.topic, set(others))
    run.more_delivered()
    cluster.start(first)
    cluster.wait_in_sync(run.topic)
    run.more_delivered()
    run.done()


def test_a_frozen_broker(start: Start, cluster: KafkaCluster) -> None:
    run = start()
    victim = cluster.leader(run.topic)
    cluster.pause(victim)
    paused_at = time.monotonic()
    run.wait_stuck(1)
    cluster.wait_no_leader_on(victim, run.topic)
    run.more_delivered(2000)
    wait_until(
        lambda: time.monotonic() >= paused_at + FAULT_SECONDS, FAULT_SECONDS + 1, "the fault's time is over"
    )
    run.more_delivered()
    cluster.resume(victim)
    cluster.wait_in_sync(run.topic)
    run.more_delivered()
    run.done()


def test_too_few_replicas_in_sync(start: Start, cluster: KafkaCluster) -> None:
    run = start(ACK_TIMEOUT="1s")
    last, *others = cluster.brokers
    cluster.stop(others[0])
    run.more_delivered()

    cluster.set_topic_configs(run.topic, min_insync_replicas="3")
    run.wait_stuck(1)
    stuck_at = run.delivered()
    run.wait_stuck(2)
    assert run.delivered() == stuck_at
    cluster.set_topic_configs(run.topic, min_insync_replicas="2")
    run.more_delivered()

    cluster.stop(others[1])
    run.wait_stuck(1)
    stuck_at = run.delivered()
    event = json.dumps({"id": "late", "type": "t", "payload": {"user": "late", "n": 0}})

    def let_in() -> Reply | None:
        reply = run.ingestor.request("POST", f"{EVENTS}?ack=broker", event.encode(), {"Content-Type": JSON})
        return None if reply.status == 429 else reply

    reply = wait_until(let_in, 20, "the load leaves room within the rate limit")
    assert reply.status == 504, "one replica doesn't satisfy level broker"
    assert run.delivered() == stuck_at
    for number in others:
        cluster.start(number)
    cluster.wait_in_sync(run.topic)
    run.more_delivered()
    run.done("late")


# --- the topic


@pytest.mark.versions
def test_a_topic_that_one_replica_acknowledges_alone_is_distinguished(
    serve: Callable[..., Ingestor], cluster: KafkaCluster, tmp_path: Path
) -> None:
    weak = cluster.create_topic("weak", min_insync=1)
    strong = cluster.create_topic("strong", min_insync=2, max_message_bytes="20000")
    routes = tmp_path / "routes.yaml"
    routes.write_text(json.dumps({"routes": [{"type": "strong", "topic": strong}]}))
    ingestor = serve(
        SINK="kafka", KAFKA_BROKERS=cluster.proxied_address, KAFKA_TOPIC=weak, KAFKA_ROUTES_FILE=routes
    )
    assert ingestor.post({"type": "strong"}).status == 202

    def both_known() -> bool:
        lines = ingestor.log_lines("the largest record that a topic accepts")
        known = {line["topic"]: line["max_message_bytes"] for line in lines}
        assert set(known) == {weak, strong}, ingestor.output()
        return bool(known[strong] == 20_000)

    wait_until(both_known, 30, "the settings of both topics are known")
    assert ingestor.metric("one_ack_topics") == 1
    told = ingestor.log_lines("one replica alone acknowledges a topic's events")
    assert [(line["topic"], line["replicas"]) for line in told] == [(weak, 3)]


@pytest.mark.parametrize("away_seconds", [0, FAULT_SECONDS])
def test_a_topic_deleted_and_made_again(start: Start, cluster: KafkaCluster, away_seconds: float) -> None:
    leaders_first = [[1, 2, 3], [2, 3, 1], [3, 1, 2]] * 2
    run = start(assignment=leaders_first)
    accepted = run.load.result.accepted
    cluster.delete_topic(run.topic)
    gone_at = len(accepted)
    if away_seconds > 0:
        run.wait_stuck(away_seconds)
    # Every partition now has another leader.
    cluster.create_topic(run.topic, assignment=leaders_first[1:] + leaders_first[:1])
    run.more_delivered(1000)
    retried = run.settle()

    records = read_topic(cluster.address, run.topic)
    assert_in_order(records)
    found = {json.loads(record.value)["id"] for record in records}
    lost = set(accepted) - found
    assert found <= set(accepted)
    assert lost <= set(accepted[:gone_at]), "accepted when the old topic was gone"
    by_key = defaultdict(list)
    for event in accepted:
        by_key[event.rsplit("-", 1)[0]].append(event in found)
    assert len(by_key) == KEYS
    assert all(there == sorted(there) for there in by_key.values()), "a gap among the events in the new topic"
    repeats = len(records) - len(found)
    assert repeats <= retried, "the idempotent producer repeated an event that was not retried"
    print(
        f"{len(accepted)} accepted; {len(lost)} of the {gone_at} accepted by the end of the old topic went with "
        f"it, 0 missing, 0 out of order, {retried} sent again, {repeats} twice in the topic"
    )


# --- the network


def test_the_network_cut_to_all_brokers(start: Start, cluster: KafkaCluster) -> None:
    run = start()
    for broker in cluster.brokers.values():
        broker.proxy.cut()
    run.wait_stuck(3)
    assert run.faults("brokers_down") >= 1
    for broker in cluster.brokers.values():
        broker.proxy.resume()
    run.more_delivered(1000)
    run.done()


@pytest.mark.parametrize("how", ["cut", "freeze"])
def test_the_network_to_one_broker_gone(start: Start, cluster: KafkaCluster, how: str) -> None:
    run = start()
    victim = cluster.leader(run.topic)
    getattr(cluster.brokers[victim].proxy, how)()
    run.wait_stuck(3)
    run.more_delivered()
    assert cluster.leader(run.topic) == victim, "the leader must not move"
    cluster.brokers[victim].proxy.resume()
    run.more_delivered(1000)
    run.done()


def test_replies_lost_on_their_way(start: Start, cluster: KafkaCluster) -> None:
    run = start()
    proxies = [broker.proxy for broker in cluster.brokers.values()]

    def unreported() -> float:
        return count_records(cluster.address, run.topic) - run.delivered()

    for _ in range(3):
        for proxy in proxies:
            proxy.delay(0.3)
        wait_until(lambda: unreported() > 0, 20, "Kafka has written events without confirming them")
        for proxy in proxies:
            proxy.cut()
        assert unreported() > 0, "the confirmations must not arrive"
        for proxy in proxies:
            proxy.resume()
        run.more_delivered()
    run.done()
