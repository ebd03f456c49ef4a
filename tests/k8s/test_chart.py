"""The chart in a real cluster: whatever is done to its pods under load, every acknowledged event is in Kafka."""

import itertools
import json
from collections.abc import Callable

import pytest
from support.cluster import ClusterKafka, Release
from support.load import LoadClient, LoadResult, ndjson_events, single_events
from support.topic_reader import read_topic
from support.waiting import wait_until

Install = Callable[..., Release]
MODES = pytest.mark.parametrize("ack", ["broker", "wal"])


def load_on(release: Release, prefix: str) -> LoadClient:
    """Steady, some hundred events a second, from connections that are opened anew when they end."""
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


def assert_all_arrive(kafka: ClusterKafka, result: LoadResult, accepted_least: int) -> None:
    """Nothing but successes and 503; acknowledged minus delivered is 0."""
    assert len(result.accepted) >= accepted_least, "too little load to tell anything"
    assert set(result.statuses) <= {200, 202, 503}, result.statuses
    wait_until(
        lambda: not missing(kafka, result),
        60,
        f"all of {len(result.accepted)} acknowledged events are in Kafka",
        1,
    )


def flow_on(load: LoadClient, events: int = 200) -> None:
    load.wait_accepted(len(load.result.accepted) + events, 60)


@MODES
def test_update_scale_and_deletion_under_load_lose_nothing(
    install: Install, kafka: ClusterKafka, ack: str
) -> None:
    release = install(ack)
    release.test()
    assert release.ready_pods() == 2
    with load_on(release, f"all-{ack}") as load:
        flow_on(load)

        before = release.names(), {pod["metadata"]["uid"] for pod in release.pods()}
        release.upgrade(settings={"kafka": {"brokers": kafka.address_for_pods, "linger": "10ms"}})
        release.wait_ready(2)
        after = {pod["metadata"]["uid"] for pod in release.pods()}
        assert not before[1] & after, "a change of the settings takes new pods"
        flow_on(load)

        release.namespace.kubectl("rollout", "restart", release.workload)
        release.namespace.kubectl("rollout", "status", release.workload, "--timeout=180s")
        release.wait_ready(2)
        flow_on(load)

        release.upgrade(replicas=4)
        release.wait_ready(4)
        flow_on(load)
        release.upgrade(replicas=1)
        release.wait_gone()
        release.wait_ready(1)
        flow_on(load)
        release.upgrade(replicas=2)
        release.wait_ready(2)

        assert release.exit_statuses() == [], "a container was ended while its pod stayed"
        for how in (["--grace-period=30"], ["--grace-period=0", "--force"]):
            victim = sorted(release.names())[0]
            uid = next(p["metadata"]["uid"] for p in release.pods() if p["metadata"]["name"] == victim)
            release.namespace.kubectl("delete", "pod", victim, *how)
            wait_until(
                lambda uid=uid: uid not in {pod["metadata"]["uid"] for pod in release.pods()},
                60,
                "the pod is gone",
                0.5,
            )
            release.wait_ready(2)
            flow_on(load)
        result = load.stop()
    assert_all_arrive(kafka, result, 1500)
    # A pod that is deleted by force may still run for a moment: its successor finds the log in use, ends with 1, and
    # is started again.
    assert set(release.exit_statuses()) <= ({1} if ack == "wal" else set())


@MODES
def test_a_rolling_update_is_not_seen_by_clients(install: Install, kafka: ClusterKafka, ack: str) -> None:
    """With broker, a new pod is there before an old one goes, and the pause lets the Service take notice."""
    release = install(ack)
    with load_on(release, f"roll-{ack}") as load:
        flow_on(load)
        release.namespace.kubectl("rollout", "restart", release.workload)
        release.namespace.kubectl("rollout", "status", release.workload, "--timeout=180s")
        release.wait_gone()
        flow_on(load)
        result = load.stop()
    assert_all_arrive(kafka, result, 500)
    assert (result.broken, result.statuses[503]) == (0, 0), result


def send_until_each_pod_holds_events(release: Release) -> LoadResult:
    """The Service may take notice of a pod some moments after it is ready, so it takes new connections."""
    host, port = release.endpoint()
    all_sent = LoadResult()
    rounds = itertools.count()

    def each_holds_events() -> bool:
        body = ndjson_events(f"adopt-{next(rounds)}", 5)
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
    result = send_until_each_pod_holds_events(release)
    assert result.accepted and set(result.statuses) == {202}
    release.upgrade(replicas=1)
    release.wait_gone()
    assert release.ready_pods() == 1 and release.exit_statuses() == []
    assert len(missing(kafka, result)) == len(result.accepted), "nothing is in Kafka yet"
    kafka.open_door("later")
    wait_until(
        lambda: len(missing(kafka, result)) < len(result.accepted), 90, "the pod that stayed delivers", 1
    )
    left = missing(kafka, result)
    assert left, "the pod that went has left some"

    release.upgrade(adopt={"ordinals": [1], "timeoutSeconds": 120})
    job = f"job/{release.full_name}-adopt-1"
    release.namespace.kubectl("wait", "--for=condition=complete", job, "--timeout=120s")
    wait_until(lambda: not missing(kafka, result), 30, "all are in Kafka", 1)

    # The end of README.md's "Scaling down". A Job that stayed would hold the volume.
    release.upgrade_by_flags("--set-json", "adopt.ordinals=[]")
    release.namespace.kubectl("wait", "--for=delete", job, "--timeout=60s")
    release.namespace.kubectl("delete", "pvc", f"data-{release.full_name}-1", "--timeout=60s")


def test_with_ack_broker_a_pod_is_not_ready_before_a_broker_has_answered(
    install: Install, kafka: ClusterKafka
) -> None:
    """So an update with brokers that are not there stops at its first new pod, and the old ones serve on."""
    release = install("broker")
    old = release.names()
    with pytest.raises(AssertionError, match="timed out|deadline"):
        release.upgrade(seconds=20, settings={"kafka": {"brokers": "127.0.0.1:1"}})
    ready = [
        pod["metadata"]["name"]
        for pod in release.pods()
        if all(c["status"] == "True" for c in pod["status"]["conditions"] if c["type"] == "Ready")
    ]
    assert set(ready) == old, "the pods with the old settings serve on"
