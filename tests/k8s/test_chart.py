"""The chart in a real cluster: every acknowledged event is in Kafka, whatever happens to its pods under
load."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.cluster import ClusterKafka, Release
from support.load import LoadClient, LoadResult, ndjson_events, single_events
from support.topic_reader import read_topic
from support.waiting import wait_until

Install = Callable[..., Release]
MODES = pytest.mark.parametrize("ack", ["broker", "wal"])


def load_on(release: Release, prefix: str) -> LoadClient:
    """A steady load of some hundred events per second, over connections that are reopened when they end."""
    host, port = release.endpoint()
    return LoadClient(
        port,
        single_events(prefix),
        connections=8,
        host=host,
        pause=0.02,
        pause_on_refusal=0.1,
        seconds_max=400,
    )


def missing(kafka: ClusterKafka, result: LoadResult) -> set[str]:
    arrived = {json.loads(record.value)["id"] for record in read_topic(kafka.address, "events")}
    return set(result.accepted) - arrived


def wait_all_arrive(kafka: ClusterKafka, result: LoadResult) -> None:
    """Waits until every acknowledged event is delivered."""
    wait_until(
        lambda: not missing(kafka, result),
        60,
        f"all of {len(result.accepted)} acknowledged events are in Kafka",
        1,
    )


def flow_on(load: LoadClient, events: int = 200) -> None:
    load.wait_accepted(len(load.result.accepted) + events, 60)


class Ledger:
    """The cost of each step for the clients, and a check that no acknowledged event is missing."""

    def __init__(self, load: LoadClient, kafka: ClusterKafka, ack: str, figures: list[str]):
        self._load = load
        self._kafka = kafka
        self._ack = ack
        self._figures = figures
        self._before = self._seen()

    def _seen(self) -> LoadResult:
        now = self._load.result
        return replace(now, accepted=list(now.accepted), statuses=now.statuses.copy())

    def step(self, what: str, pods_die: bool = False) -> None:
        """Waits until more events were accepted. A request may fail only if pods are killed: its connection
        breaks, or it gets a 503."""
        flow_on(self._load)
        now = self._seen()
        accepted = len(now.accepted) - len(self._before.accepted)
        broken = now.broken - self._before.broken
        unreached = now.connect_errors - self._before.connect_errors
        statuses = now.statuses - self._before.statuses
        wait_all_arrive(self._kafka, now)
        self._figures.append(
            f"{self._ack:6}  {what:28}  acknowledged {accepted:5}, not delivered 0; rejected with 503 {statuses[503]},"
            f" broken connections {broken}, refused connections {unreached}"
        )
        self._before = now
        assert set(statuses) <= {200, 202, 503}, statuses
        assert pods_die or (statuses[503], broken, unreached) == (0, 0, 0), self._figures[-1]


@MODES
def test_update_scale_and_deletion_under_load_lose_nothing(
    install: Install, kafka: ClusterKafka, figures: list[str], ack: str
) -> None:
    """At level broker a new pod is ready before an old one is removed; the pause gives the Service time to
    stop using it."""
    release = install(ack)
    release.test()
    assert release.ready_pods() == 2
    with load_on(release, f"all-{ack}") as load:
        ledger = Ledger(load, kafka, ack, figures)
        ledger.step("installed")

        before = release.uids()
        release.upgrade(settings={"kafka": {"brokers": kafka.address_for_pods, "linger": "10ms"}})
        release.wait_ready(2)
        release.wait_gone()
        assert not before & release.uids(), "a change of the settings must restart the pods"
        ledger.step("settings changed")

        release.namespace.kubectl("rollout", "restart", release.workload)
        release.namespace.kubectl("rollout", "status", release.workload, "--timeout=180s")
        release.wait_ready(2)
        release.wait_gone()
        ledger.step("rolling update")

        for pods in (4, 1, 2):
            release.upgrade(replicas=pods)
            release.wait_gone()
            release.wait_ready(pods)
            ledger.step(f"scaled to {pods}")

        assert release.exit_statuses() == [], "a container was restarted in its pod"
        for how in (["--grace-period=30"], ["--grace-period=0", "--force"]):
            victim = sorted(release.names())[0]
            uid = next(p["metadata"]["uid"] for p in release.pods() if p["metadata"]["name"] == victim)
            release.namespace.kubectl("delete", "pod", victim, *how)
            wait_until(lambda uid=uid: uid not in release.uids(), 60, "the pod is gone", 0.5)
            release.wait_ready(2)
            ledger.step(f"pod deleted, {' '.join(how)}", pods_die="--force" in how)
        load.stop()
    # A pod that is deleted by force may still run for a moment: its successor finds the log in use, exits
    # with 1, and is restarted.
    assert set(release.exit_statuses()) <= ({1} if ack == "wal" else set())


@MODES
def test_an_outage_of_kafka_makes_no_pod_unready_and_restarts_none(
    install: Install, kafka: ClusterKafka, ack: str
) -> None:
    """The outage is longer than the liveness probe would tolerate if it depended on Kafka."""
    release = install(ack)
    with load_on(release, f"before-{ack}") as load:
        flow_on(load)
        load.stop()
    before = release.readiness()
    assert len(before) == 2
    probe = release.pods()[0]["spec"]["containers"][0]["livenessProbe"]
    outage_seconds = probe["periodSeconds"] * probe["failureThreshold"] + 10
    with kafka.frozen():
        began = time.monotonic()
        result = LoadResult()
        if ack == "wal":
            result = send_until_each_pod_holds_events(release, "outage")
            assert set(result.statuses) == {202}, result.statuses
        wait_until(lambda: time.monotonic() - began > outage_seconds, outage_seconds + 5, "a long outage", 1)
        waits = [release.metric_of(pod, "journal_oldest_age_seconds") for pod in release.names()]
        assert ack == "broker" or min(waits) > outage_seconds / 2, waits
        # Includes the time of the last change, so that a pod that was temporarily unready is noticed.
        assert release.readiness() == before
    wait_all_arrive(kafka, result)
    with load_on(release, f"after-{ack}") as load:
        flow_on(load)
        result = load.stop()
    wait_all_arrive(kafka, result)
    assert release.readiness() == before


def send_until_each_pod_holds_events(release: Release, prefix: str) -> LoadResult:
    """The Service may use a pod only some moments after it is ready, so this uses new connections."""
    host, port = release.endpoint()
    all_sent = LoadResult()
    rounds = itertools.count()

    def each_holds_events() -> bool:
        body = ndjson_events(f"{prefix}-{next(rounds)}", 5)
        with LoadClient(port, body, connections=8, host=host, requests=80, pause_on_refusal=0.1) as load:
            load.wait_requests(80, 60)
            sent = load.stop()
        all_sent.accepted += sent.accepted
        all_sent.statuses += sent.statuses
        return all(release.metric_of(pod, "journal_events") > 0 for pod in release.names())

    wait_until(each_holds_events, 60, "each pod holds events", 0.5)
    return all_sent


def test_without_kafka_pods_with_a_log_stay_ready_and_a_job_adopts_what_is_left(
    install: Install, kafka: ClusterKafka
) -> None:
    brokers = kafka.shut_door("later")
    release = install("wal", terminationGracePeriodSeconds=20, settings={"kafka": {"brokers": brokers}})
    assert release.ready_pods() == 2, "an outage of Kafka alone makes no pod unready"
    result = send_until_each_pod_holds_events(release, "adopt")
    assert result.accepted and set(result.statuses) == {202}
    release.upgrade(replicas=1)
    release.wait_gone()
    assert release.ready_pods() == 1 and release.exit_statuses() == []
    assert len(missing(kafka, result)) == len(result.accepted), "nothing is in Kafka yet"
    kafka.open_door("later")
    wait_until(
        lambda: len(missing(kafka, result)) < len(result.accepted), 90, "the remaining pod delivers", 1
    )
    left = missing(kafka, result)
    assert left, "the removed pod must have left events"

    release.upgrade(adopt={"ordinals": [1], "timeoutSeconds": 120})
    job = f"job/{release.full_name}-adopt-1"
    release.namespace.kubectl("wait", "--for=condition=complete", job, "--timeout=120s")
    wait_until(lambda: not missing(kafka, result), 30, "all are in Kafka", 1)

    # The end of README.md's "Scaling down". A Job that is not removed would block the volume.
    release.upgrade_by_flags("--set-json", "adopt.ordinals=[]")
    release.namespace.kubectl("wait", "--for=delete", job, "--timeout=60s")
    release.namespace.kubectl("delete", "pvc", f"data-{release.full_name}-1", "--timeout=60s")


def test_with_ack_broker_a_pod_is_not_ready_before_a_broker_has_answered(
    install: Install, kafka: ClusterKafka
) -> None:
    """Therefore an update with unreachable brokers stops at its first new pod, and the old ones keep
    serving."""
    release = install("broker")
    old = release.names()
    with pytest.raises(AssertionError, match="timed out|deadline"):
        release.upgrade(seconds=20, settings={"kafka": {"brokers": "127.0.0.1:1"}})
    ready = [
        pod["metadata"]["name"]
        for pod in release.pods()
        if all(c["status"] == "True" for c in pod["status"]["conditions"] if c["type"] == "Ready")
    ]
    assert set(ready) == old, "the pods with the old settings keep serving"
