"""The write-ahead log's folder and disk: shared by mistake, unusable, damaged, or failing while the service
runs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestor import NDJSON, ROOT, Ingestor, run_to_exit
from support.kafka_broker import KafkaBroker
from support.ledger import Ledger
from support.load import LoadClient, single_events
from support.ports import free_port
from support.topic_reader import read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
STORAGE_FAILED = 4


def event(event_id: str) -> str:
    return json.dumps({"id": event_id, "type": "t", "payload": "x" * 200})


# --- the folder


@pytest.mark.sanitizer
def test_a_second_process_on_the_same_log_refuses_to_start(
    serve: Callable[..., Ingestor], tmp_path: Path
) -> None:
    first = serve(SINK="file", ACK="wal", WAL_DIR=tmp_path / "wal")
    settings = {"HTTP_PORT": 0, "SINK": "file", "ACK": "wal", "WAL_DIR": tmp_path / "wal"}
    second = run_to_exit(settings=settings)
    assert second.status == 1, second.said
    for word in ("WAL_DIR", str(tmp_path / "wal"), "another process"):
        assert word in second.said
    assert first.post(event("served")).status == 202
    first.wait_drained()
    first.kill()
    third = serve(SINK="file", ACK="wal", WAL_DIR=tmp_path / "wal")  # the lock was released with the process
    assert third.get("/readyz").status == 200


@pytest.mark.sanitizer
@pytest.mark.parametrize("folder", ["file", "file/below", "/proc", "/proc/below"])
def test_a_folder_that_can_not_be_written_stops_the_start(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / folder  # an absolute path replaces tmp_path
    refused = run_to_exit(settings={"HTTP_PORT": 0, "SINK": "file", "ACK": "wal", "WAL_DIR": path})
    assert refused.status == STORAGE_FAILED, refused.said
    assert "WAL_DIR" in refused.said and str(path) in refused.said
    assert (tmp_path / "file").read_text() == "not a folder"


def test_without_the_level_there_is_no_log(serve: Callable[..., Ingestor], tmp_path: Path) -> None:
    ingestor = serve(SINK="file", ACK="memory", cwd=tmp_path)
    assert ingestor.post(event("m")).status == 202
    assert not (tmp_path / "var/wal").exists()


# --- damage


def damage(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0xFF]))


def test_damage_costs_what_it_hits_and_nothing_else(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    first = to_kafka(cwd=tmp_path, ACK="wal", SHUTDOWN_TIMEOUT="0s", KAFKA_BROKERS=nowhere)
    # One commit each, as the next event is sent after the reply.
    batches = [[f"d-{batch}-{n}" for n in range(10)] for batch in range(30)]
    for ids in batches:
        assert first.post("\n".join(event(event_id) for event_id in ids), NDJSON).status == 202
    assert first.terminate() == 0

    (segment,) = [path for path in (tmp_path / "var/wal").glob("*.wal") if b'"d-0-0"' in path.read_bytes()]
    content = segment.read_bytes()
    damage(segment, content.index(b'"d-7-3"') + 60)  # in the payload of one event
    damage(
        segment, content.rindex(b"FRAM", 0, content.index(b'"d-15-0"')) + 20
    )  # in the header of one commit
    lost = {"d-7-3", *batches[15]}

    second = to_kafka(cwd=tmp_path, ACK="wal")
    assert second.post(event("after")).status == 202
    metrics = second.wait_drained()
    assert metrics.value("event_ingestor_journal_lost_events_total") == len(lost) == 11
    assert metrics.value("event_ingestor_journal_recovered_events_total") == 300
    assert metrics.value("event_ingestor_events_delivered_total") == 290
    told = [line for line in second.logs if "the log is damaged" in line["message"]]
    assert {line["level"].upper() for line in told} == {"ERROR"}
    assert sum(line["events"] for line in told) == 11
    aside = segment.with_suffix(".damaged")
    wait_until(aside.exists, 10, "the damaged segment is quarantined")
    wait_until(lambda: second.metric("wal_set_aside_segments") == 1, 10, "it is counted in the metrics")
    kept = aside.read_bytes()
    assert len(kept) == len(content) and sum(a != b for a, b in zip(kept, content, strict=True)) == 2
    delivered = [json.loads(record.value)["id"] for record in read_topic(broker.address, topic)]
    expected = {event_id for ids in batches for event_id in ids} - lost | {"after"}
    assert sorted(delivered) == sorted(expected), "each once"

    assert second.terminate() == 0
    third = to_kafka(cwd=tmp_path, ACK="wal")
    assert third.metric("journal_recovered_events_total") == 0
    assert third.metric("wal_set_aside_segments") == 1, "it stays until an operator has removed it"


# --- the disk fails


@pytest.fixture
def failing_disk(tmp_path: Path) -> dict[str, object]:
    """Settings with which syncs of the log fail once the file SYNC_FAULT_WHEN exists."""
    library = tmp_path / "failing_sync.so"
    source = ROOT / "tests/support/failing_sync.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
    log = tmp_path.resolve() / "wal"
    return {
        "ACK": "wal",
        "WAL_DIR": log,
        "LD_PRELOAD": library,
        "SYNC_FAULT_DIR": log,
        "SYNC_FAULT_WHEN": tmp_path / "broken",
    }


def break_disk(settings: dict[str, object]) -> None:
    Path(str(settings["SYNC_FAULT_WHEN"])).touch()


def test_a_failed_sync_acknowledges_nothing_and_ends_the_process(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, failing_disk: dict[str, object]
) -> None:
    first = to_kafka(expected_exit=STORAGE_FAILED, KAFKA_KEY="/payload/user", **failing_disk)
    ledger = Ledger()
    with LoadClient(first.port, single_events("s"), connections=32) as load:
        load.wait_accepted(1000)
        break_disk(failing_disk)
        assert first.wait_exit(10) == STORAGE_FAILED
        result = load.stop()
    assert set(result.statuses) <= {202, 503}
    assert set(result.codes) <= {"storage_failed"}, result.codes
    faults = [line for line in first.logs if line["component"] == "wal" and line["level"].upper() == "ERROR"]
    assert any("sync" in line.get("fault", "") and line.get("error") for line in faults), first.output()
    assert first.log_lines("stopped", exit_status=STORAGE_FAILED)

    second = to_kafka(ACK="wal", WAL_DIR=failing_disk["WAL_DIR"], KAFKA_KEY="/payload/user")
    second.wait_drained()
    ledger.add(result)
    # Rejected events may have reached the disk; the rejection doesn't say that they were not stored.
    sent = {json.loads(record.value)["id"] for record in read_topic(broker.address, topic)}
    ledger.unanswered |= {event_id for event_id in sent if event_id.startswith("s-")}
    ledger.check(broker.address, topic)


def test_requests_that_wait_for_a_failed_sync_are_answered(
    to_kafka: ToKafka, failing_disk: dict[str, object]
) -> None:
    ingestor = to_kafka(expected_exit=STORAGE_FAILED, **failing_disk)
    assert ingestor.post(event("before")).status == 202
    break_disk(failing_disk)
    reply = ingestor.post(event("waits"))
    assert (reply.status, reply.code) == (503, "storage_failed")
    assert ingestor.wait_exit(10) == STORAGE_FAILED


def test_a_disk_that_fails_at_the_start_stops_it(failing_disk: dict[str, object]) -> None:
    break_disk(failing_disk)
    refused = run_to_exit(settings={"HTTP_PORT": 0, "SINK": "file"} | failing_disk)
    assert refused.status == STORAGE_FAILED, refused.said
    assert "WAL_DIR" in refused.said


@pytest.mark.parametrize("taken", ["*.wal", "LOCK"])
def test_files_of_the_log_that_vanish_acknowledge_nothing_and_end_the_process(
    serve: Callable[..., Ingestor], tmp_path: Path, taken: str
) -> None:
    ingestor = serve(
        SINK="file", ACK="wal", WAL_DIR=tmp_path / "wal", cwd=tmp_path, expected_exit=STORAGE_FAILED
    )
    assert ingestor.post(event("before")).status == 202
    for path in (tmp_path / "wal").glob(taken):
        path.unlink()
    reply = ingestor.post(event("after"))
    assert (reply.status, reply.code) == (503, "storage_failed")
    assert ingestor.wait_exit(10) == STORAGE_FAILED
    assert any("storage failed" in line["message"] for line in ingestor.logs), ingestor.output()
