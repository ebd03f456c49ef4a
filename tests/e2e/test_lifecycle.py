"""Starts, stops, and a broker that is absent, disappears or returns: every accepted event arrives."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.http_client import ConnectionClosed, RawConnection, build_request
from support.ingestor import EVENTS, JSON, Ingestor, run_to_exit
from support.kafka_broker import KafkaBroker
from support.load import LoadClient, LoadResult, ndjson_events, single_events
from support.ports import free_port
from support.topic_reader import read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
EVENT = b'{"type":"t"}'
CLEAN, UNDELIVERED = 0, 3


def delivered_ids(broker: KafkaBroker, topic: str) -> list[str]:
    return [json.loads(record.value)["id"] for record in read_topic(broker.address, topic)]


def assert_all_delivered_once(broker: KafkaBroker, topic: str, *loads: LoadResult) -> None:
    """Checks that each accepted event is in the topic once; other events only if they were sent and got no
    answer."""
    ids = delivered_ids(broker, topic)
    accepted = {event_id for load in loads for event_id in load.accepted}
    unanswered = {event_id for load in loads for event_id in load.unanswered}
    missing = accepted - set(ids)
    assert not missing, (
        f"{len(missing)} of {len(accepted)} accepted events are missing, as {sorted(missing)[:3]}"
    )
    assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} events are in the topic twice"
    assert set(ids) - accepted <= unanswered, "events that were neither accepted nor unanswered"


@pytest.mark.sanitizer
def test_threads_have_names_that_an_operator_can_read(to_kafka: ToKafka, tmp_path: Path) -> None:
    ingestor = to_kafka(ACK="wal", HTTP_THREADS=2, WORKER_POOL_SIZE=2, cwd=tmp_path)

    def all_are_named() -> bool:
        names = [task.read_text().strip() for task in Path(f"/proc/{ingestor.pid}/task").glob("*/comm")]
        own = {"wal-commit", "wal-readback", "wal-housekeep"}
        return own <= set(names) and names.count("http") == names.count("delivery") == 2

    wait_until(all_are_named, 10, "the threads are named")


# --- the broker stops and restarts


@pytest.mark.sanitizer
def test_without_a_broker_events_are_accepted_and_wait_for_it(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    broker.stop()
    ingestor = to_kafka()
    assert ingestor.get("/livez").status == 200
    assert ingestor.get("/readyz").status == 200, "an outage of Kafka alone does not make it unready"
    with LoadClient(ingestor.port, single_events("early"), connections=4, requests=500) as load:
        load.wait_accepted(500)
        result = load.stop()
    assert ingestor.metric("journal_events") == 500
    assert ingestor.metric("events_delivered_total") == 0
    wait_until(
        lambda: ingestor.metric("journal_oldest_age_seconds") > 0.5, 10, "the wait is seen in the metrics"
    )
    broker.start()
    ingestor.wait_drained(60)
    assert_all_delivered_once(broker, topic, result)
    assert ingestor.metric("events_dead_lettered_total") == 0


def test_a_broker_restart_under_load_loses_and_repeats_nothing(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(KAFKA_WRITE_TIMEOUT="2s", KAFKA_MAX_RETRIES=1)
    with LoadClient(ingestor.port, ndjson_events("r", 10), connections=8, pause_on_refusal=0.05) as load:
        load.wait_accepted(2000)
        broker.stop()
        wait_until(lambda: ingestor.metric("journal_oldest_age_seconds") >= 1, 10, "1 s without the broker")
        broker.start()
        load.wait_accepted(len(load.result.accepted) + 2000)
        result = load.stop()
    assert set(result.statuses) <= {202, 207, 503}
    assert set(result.codes) <= {"journal_full", "partition_stuck"}
    assert (result.broken, result.connect_errors) == (0, 0)
    ingestor.wait_drained(60)
    assert_all_delivered_once(broker, topic, result)
    assert ingestor.metric("events_dead_lettered_total") == 0, (
        "an outage must not count as a failure of an event"
    )
    assert ingestor.metric("events_delivered_total") == len(result.accepted)


def test_a_broker_killed_under_load_loses_nothing(to_kafka: ToKafka, broker: KafkaBroker, topic: str) -> None:
    ingestor = to_kafka()
    with LoadClient(ingestor.port, ndjson_events("k", 10), connections=8, pause_on_refusal=0.05) as load:
        load.wait_accepted(2000)
        broker.kill()
        wait_until(lambda: ingestor.metric("journal_oldest_age_seconds") >= 1, 10, "1 s without the broker")
        broker.start()
        load.wait_accepted(len(load.result.accepted) + 2000)
        result = load.stop()
    ingestor.wait_drained(60)
    assert_all_delivered_once(broker, topic, result)
    assert ingestor.metric("events_dead_lettered_total") == 0


def test_a_broker_that_hangs_for_five_seconds_loses_nothing(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    # Shorter than the pause, so that outstanding requests time out and are sent again.
    ingestor = to_kafka(KAFKA_WRITE_TIMEOUT="2s", KAFKA_MAX_RETRIES=0)
    with LoadClient(ingestor.port, ndjson_events("h", 10), connections=4, pause_on_refusal=0.05) as load:
        load.wait_accepted(2000)
        broker.pause()
        hung = wait_until(
            lambda: ingestor.metric("journal_oldest_age_seconds") >= 5, 30, "5 s without the broker"
        )
        assert hung and ingestor.get("/livez").status == 200
        broker.resume()
        load.wait_accepted(len(load.result.accepted) + 1000)
        result = load.stop()
    assert set(result.statuses) <= {202, 207, 503}
    assert set(result.codes) <= {"journal_full", "partition_stuck"}
    ingestor.wait_drained(60)
    assert_all_delivered_once(broker, topic, result)
    assert ingestor.metric("events_dead_lettered_total") == 0


def test_an_outage_is_logged_without_a_flood(to_kafka: ToKafka, broker: KafkaBroker) -> None:
    broker.stop()
    ingestor = to_kafka()
    for n in range(200):
        assert ingestor.post({"id": f"f{n}", "type": "t", "payload": "secret-word"}).status == 202
    wait_until(lambda: ingestor.metric("journal_oldest_age_seconds") > 3, 15, "3 s of outage")
    told = [line for line in list(ingestor.logs) if line["level"].upper() in ("WARN", "WARNING", "ERROR")]
    assert 1 <= len(told) <= 30, [line["message"] for line in told]
    assert "secret-word" not in json.dumps(ingestor.logs) + ingestor.stderr, "no payload in the log"
    broker.start()
    ingestor.wait_drained(60)


# --- the graceful stop


@pytest.mark.sanitizer
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_delivers_everything_accepted(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, how: signal.Signals
) -> None:
    ingestor = to_kafka()
    with LoadClient(ingestor.port, single_events("s"), connections=32) as load:
        load.wait_accepted(3000)
        ingestor.signal(how)
        status = ingestor.wait_exit()
        result = load.stop()
    assert status == CLEAN, ingestor.output()
    assert set(result.statuses) <= {202, 503}
    assert set(result.codes) <= {"shutting_down"}
    # Requests in progress are answered. Only requests sent on an idle connection that is being closed, or on
    # one that was not accepted yet, can break: no server can prevent that, and it happens once per
    # connection.
    assert result.broken <= 2 * 32
    assert_all_delivered_once(broker, topic, result)


@pytest.mark.sanitizer
def test_an_idle_service_stops_at_once(to_kafka: ToKafka) -> None:
    ingestor = to_kafka()
    assert ingestor.post(EVENT).status == 202
    ingestor.wait_drained()
    with ingestor.connect() as idle, ingestor.connect() as half:
        assert idle.request("GET", "/livez").status == 200
        half.send(b"POST /events HTTP/1.1\r\nHost: ")
        assert ingestor.terminate(10) == CLEAN


def test_during_the_delay_it_is_unready_and_still_serves(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(SHUTDOWN_DELAY="5s")
    assert ingestor.get("/readyz").status == 200
    ingestor.signal(signal.SIGTERM)
    wait_until(lambda: ingestor.get("/readyz").status == 503, 4, "it is unready at once")
    assert ingestor.get("/livez").status == 200
    late = [ingestor.post({"id": f"late{n}", "type": "t"}).status for n in range(5)]
    assert late == [202] * 5
    assert ingestor.wait_exit() == CLEAN
    assert sorted(delivered_ids(broker, topic)) == [f"late{n}" for n in range(5)]


def test_a_request_in_progress_is_answered_while_stopping(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    ingestor = to_kafka(ADMIN_PORT=0)
    body = b'{"id":"slow","type":"t"}'
    with ingestor.connect() as slow:
        slow.send(build_request("POST", EVENTS, body, {"Content-Type": JSON})[:-5])
        wait_until(lambda: ingestor.metric("http_connections") >= 1, 10, "the request is under way")
        ingestor.signal(signal.SIGTERM)

        def refuses_connections() -> bool:
            try:
                RawConnection(ingestor.port).close()
                return False
            except ConnectionRefusedError:
                return True

        wait_until(refuses_connections, 10, "the port is closed")
        slow.send(body[-5:])
        reply = slow.read_reply()
        assert reply.headers.get("connection", "").lower() == "close"
        assert slow.is_closed()
    assert ingestor.wait_exit() == CLEAN
    # It may be rejected as too late, but a success status must mean that the event was accepted.
    assert (reply.status, delivered_ids(broker, topic)) in ((202, ["slow"]), (503, []))


@pytest.mark.sanitizer
def test_what_could_not_be_delivered_in_time_is_counted(to_kafka: ToKafka, broker: KafkaBroker) -> None:
    broker.stop()
    ingestor = to_kafka(SHUTDOWN_TIMEOUT="1s", expected_exit=UNDELIVERED)
    for n in range(37):
        assert ingestor.post({"id": f"u{n}", "type": "t"}).status == 202
    assert ingestor.terminate(20) == UNDELIVERED
    counted = [line for line in ingestor.logs if 37 in line.values()]
    assert counted, ingestor.output()
    assert any(line["level"].upper() in ("WARN", "WARNING", "ERROR") for line in counted)


def test_the_whole_stop_can_be_scraped_with_what_it_loses(serve: Callable[..., Ingestor]) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    settings = {"SINK": "kafka", "KAFKA_BROKERS": nobody, "ADMIN_PORT": 0, "SHUTDOWN_TIMEOUT": "2s"}
    ingestor = serve(expected_exit=UNDELIVERED, **settings)
    for n in range(37):
        assert ingestor.post({"id": f"u{n}", "type": "t"}).status == 202
    ingestor.signal(signal.SIGTERM)
    undelivered = []
    try:
        while True:
            metrics = ingestor.metrics()
            undelivered.append(metrics.value("event_ingestor_events_undelivered_total"))
            assert metrics.value("event_ingestor_journal_events") == 37
    except (ConnectionError, ConnectionClosed):
        pass
    assert ingestor.wait_exit() == UNDELIVERED
    said_stopping = ingestor.log_lines("no more requests; delivering the accepted events")
    assert said_stopping and undelivered[0] == 0, "it can be scraped while the journal drains"
    assert undelivered[-1] == 37, "the final count must be scraped too"


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_stops_at_once_and_says_so(
    to_kafka: ToKafka, broker: KafkaBroker, second: signal.Signals
) -> None:
    broker.stop()
    ingestor = to_kafka(SHUTDOWN_DELAY="60s", SHUTDOWN_TIMEOUT="60s", expected_exit=UNDELIVERED)
    assert ingestor.post(EVENT).status == 202
    ingestor.signal(signal.SIGTERM)
    wait_until(lambda: ingestor.get("/readyz").status == 503, 5, "the first signal was seen")
    said = len(ingestor.logs)
    ingestor.signal(second)
    assert ingestor.wait_exit(5) == UNDELIVERED
    assert any("signal" in json.dumps(line).lower() for line in ingestor.logs[said:]), ingestor.output()


def test_a_broken_pipe_is_no_reason_to_die(to_kafka: ToKafka) -> None:
    ingestor = to_kafka()
    ingestor.signal(signal.SIGPIPE)
    assert ingestor.post(EVENT).status == 202
    assert ingestor.terminate() == CLEAN


def test_the_start_and_the_stop_are_logged(to_kafka: ToKafka) -> None:
    ingestor = to_kafka(ADMIN_PORT=0)
    assert [line["component"] for line in ingestor.log_lines("listening")].count("admin") == 1
    before = len(ingestor.logs)
    assert ingestor.terminate() == CLEAN
    assert len(ingestor.logs) > before, "the stop is logged"


def test_the_health_command_says_what_the_probes_say(serve: Callable[..., Ingestor], tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    ingestor = serve(SINK="kafka", KAFKA_BROKERS=nobody, ACK="broker")  # not ready before its first contact
    asked = {"HTTP_PORT": ingestor.port}
    unready = run_to_exit("health", settings=asked)
    assert unready.status == 1 and "/readyz answered 503" in unready.stderr, unready.said
    assert run_to_exit("health", "--live", settings=asked).status == CLEAN
    assert ingestor.terminate() == CLEAN
    gone = run_to_exit("health", "--live", settings=asked)
    assert gone.status == 1 and f"127.0.0.1:{ingestor.port}/livez" in gone.stderr, gone.said

    # The port is determined as in the service, and the admin port has priority.
    filed = serve(SINK="file", ADMIN_PORT=0)
    file = tmp_path / "settings.yaml"
    file.write_text(f"http:\n  port: 1\nadmin:\n  port: {filed.admin_port}\n")
    ready = run_to_exit("health", settings={"CONFIG": file})
    assert (ready.status, ready.stdout) == (CLEAN, "ready\n"), ready.said
