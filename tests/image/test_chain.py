"""The services of docker-compose.yml: an event's path through them, stops and kills under load, the data in
Prometheus."""

import json
import os
import re
import urllib.parse
import urllib.request
from typing import Any

import pytest
import yaml
from support.containers import ROOT, Chain
from support.http_client import ConnectionClosed, RawConnection
from support.ingestor import EVENTS, JSON
from support.load import LoadClient, LoadResult, ndjson_events, single_events
from support.topic_reader import read_topic
from support.waiting import wait_until

CHART_FILES = ROOT / "deploy/helm/event-ingestor/files"
GRACE_SECONDS = 40
# Samples that must be 0 in a healthy system.
SILENT = re.compile(
    r"rejected|dead_letter|retried|sink_faults|deduplicated|ack_timeouts|histogram_quantile\(.*wal_commit"
)


def arrived(chain: Chain) -> list[str]:
    return [json.loads(record.value)["id"] for record in read_topic(chain.kafka_address, "events")]


def ready(chain: Chain) -> bool:
    try:
        with RawConnection(chain.ports["INGESTOR"]) as connection:
            return connection.request("GET", "/readyz", None, {}).status == 200
    except ConnectionClosed:
        return False  # Docker's proxy listens even while the service doesn't


def assert_nothing_lost(chain: Chain, result: LoadResult) -> None:
    assert result.accepted, "nothing was accepted, so the test shows nothing"
    missing = set(result.accepted) - set(arrived(chain))
    assert not missing, f"{len(missing)} of {len(result.accepted)} acknowledged events are not in Kafka"


def ask_prometheus(chain: Chain, path: str, **query: str) -> Any:
    url = f"http://127.0.0.1:{chain.ports['PROMETHEUS']}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as reply:
        answer = json.load(reply)
    assert answer["status"] == "success", answer
    return answer["data"]


def test_an_event_reaches_kafka(chain: Chain) -> None:
    with RawConnection(chain.ports["INGESTOR"]) as connection:
        body = b'{"id":"first","type":"signup","payload":{"user_id":42}}'
        reply = connection.request("POST", EVENTS, body, {"Content-Type": JSON})
    assert reply.status == 202, reply
    wait_until(lambda: "first" in arrived(chain), 30, "the event is in the topic", 0.5)


def test_it_runs_without_rights_and_writes_to_its_volume_only(chain: Chain) -> None:
    container = chain.container("ingestor")
    status = container.process_status()
    assert set(status["Uid"].split()) == {"65532"} and set(status["Gid"].split()) == {"65532"}
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    seen = container.inspect()
    assert seen["HostConfig"]["ReadonlyRootfs"]
    assert [mount["Destination"] for mount in seen["Mounts"] if mount["RW"]] == ["/var/lib/event-ingestor"]


def test_every_service_is_healthy(chain: Chain) -> None:
    for service in ("ingestor", "kafka", "prometheus"):
        assert chain.container(service).health == "healthy", service


@pytest.mark.parametrize("level", ["wal", "broker"])
def test_docker_stop_under_load_loses_nothing(chain: Chain, level: str) -> None:
    """The compose file's level is wal; requests ask for broker."""
    container = chain.container("ingestor")
    wait_until(lambda: ready(chain), 30, "it is ready")
    body = ndjson_events(f"stop-{level}", 10) if level == "wal" else single_events(f"stop-{level}")
    path = EVENTS if level == "wal" else f"{EVENTS}?ack=broker"
    with LoadClient(chain.ports["INGESTOR"], body, connections=8, path=path) as load:
        load.wait_accepted(1000, 60)
        assert container.stop(GRACE_SECONDS) == 0, container.logs()[-2000:]
        result = load.stop()
    assert set(result.statuses) <= {200, 202, 503}, result.statuses
    assert_nothing_lost(chain, result)
    container.start()
    wait_until(lambda: ready(chain), 30, "it is ready again")


def test_a_kill_under_load_loses_nothing_that_was_acknowledged(chain: Chain) -> None:
    container = chain.container("ingestor")
    with LoadClient(chain.ports["INGESTOR"], ndjson_events("kill", 10), connections=8) as load:
        load.wait_accepted(1000, 60)
        container.kill()
        result = load.stop()
    container.start()
    wait_until(lambda: ready(chain), 30, "it is ready again")
    assert result.accepted
    wait_until(
        lambda: set(result.accepted) <= set(arrived(chain)), 60, "the log's events are in the topic", 1
    )


def test_prometheus_has_every_alert_and_sees_the_service(chain: Chain) -> None:
    written = yaml.safe_load((CHART_FILES / "alerts.yaml").read_text())
    names = {rule["alert"] for group in written["groups"] for rule in group["rules"]}
    groups = ask_prometheus(chain, "rules")["groups"]
    assert {rule["name"] for group in groups for rule in group["rules"]} == names
    wait_until(
        lambda: [s["value"][1] for s in ask_prometheus(chain, "query", query="up")["result"]] == ["1"],
        30,
        "the service is scraped",
    )
    evaluated = wait_until(
        lambda: [g for g in ask_prometheus(chain, "rules")["groups"] if g["rules"][0]["health"] == "ok"],
        30,
        "the rules are evaluated",
    )
    assert all(rule["health"] == "ok" for group in evaluated for rule in group["rules"])


def test_every_panel_asks_something_that_prometheus_can_answer(chain: Chain) -> None:
    dashboard = json.loads((CHART_FILES / "dashboard.json").read_text())
    targets = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
    assert len(targets) > 20
    with LoadClient(chain.ports["INGESTOR"], single_events("panel"), connections=4, requests=2000) as load:
        load.wait_requests(2000, 60)
    empty: list[str] = []

    def all_answer() -> bool:
        empty.clear()
        for expression in targets:
            asked = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            if not ask_prometheus(chain, "query", query=asked)["result"] and not SILENT.search(expression):
                empty.append(expression)
        return not empty

    wait_until(all_answer, 40, f"each panel has data; without: {empty}", 1)


def ask_grafana(chain: Chain, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{chain.ports['GRAFANA']}/api/{path}", timeout=10) as reply:
        return json.load(reply)


def test_grafana_shows_the_dashboard_and_its_data_source_answers_or_up_says_that_it_is_not_there(
    chain: Chain,
) -> None:
    """As a visitor without an account, which docker-compose.yml permits to view."""
    if not chain.names("grafana"):
        assert os.environ.get("GRAFANA") != "required", "Grafana's image is not available"
        assert "Grafana     not running" in chain.said
        return
    assert chain.container("grafana").health == "healthy"
    shown = ask_grafana(chain, "dashboards/uid/event-ingestor")["dashboard"]
    written = json.loads((CHART_FILES / "dashboard.json").read_text())
    assert [panel["title"] for panel in shown["panels"]] == [panel["title"] for panel in written["panels"]]
    query = urllib.parse.urlencode({"query": "event_ingestor_build_info"})
    answer = ask_grafana(chain, f"datasources/proxy/uid/prometheus/api/v1/query?{query}")
    assert len(answer["data"]["result"]) == 1, answer


def test_taken_down_it_comes_up_again_with_its_data_and_with_load(chain: Chain) -> None:
    """The last test of these services: their containers are different afterwards."""
    with LoadClient(chain.ports["INGESTOR"], single_events("before"), connections=4, requests=100) as load:
        load.wait_requests(100, 30)
        before = set(load.stop().accepted)
    assert len(before) == 100
    wait_until(lambda: before <= set(arrived(chain)), 30, "all are in Kafka", 0.5)
    volumes = chain.volumes()
    chain.down()
    assert volumes and chain.volumes() == {one for one in volumes if one.startswith(chain.project)}
    chain.up(PROFILE="load", LOAD_SECONDS="3", LOAD_RATE="200")
    generator = chain.container("load")
    assert generator.wait() == 0, generator.logs()
    said = json.loads(generator.logs().splitlines()[-1])
    assert said["accepted_events"] == said["requests"] >= 500, said
    sent = re.compile(rf"{said['run']}-")
    wait_until(
        lambda: sum(bool(sent.match(one)) for one in arrived(chain)) == said["accepted_events"],
        30,
        "all of the load is in Kafka",
        0.5,
    )
    assert before <= set(arrived(chain))
