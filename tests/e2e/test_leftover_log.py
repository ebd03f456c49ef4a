"""Acknowledged events are delivered, whatever the settings of the next start are."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestor import Ingestor
from support.ports import free_port

Serve = Callable[..., Ingestor]


def left_behind(serve: Serve, folder: Path) -> None:
    """Leaves three events that a service at level wal has acknowledged and could not deliver."""
    ingestor = serve(
        SINK="kafka", KAFKA_BROKERS=f"127.0.0.1:{free_port()}", ACK="wal", WAL_DIR=folder / "wal"
    )
    for n in range(3):
        assert ingestor.post(json.dumps({"id": f"e{n}", "type": "t"})).status == 202
    assert ingestor.terminate() == 0


def ids_in(folder: Path) -> list[str]:
    lines = [line for path in folder.rglob("*.ndjson") for line in path.read_text().splitlines()]
    return sorted(json.loads(line)["id"] for line in lines)


@pytest.mark.parametrize("ack", ["memory", "broker"])
def test_another_ack_level_delivers_what_the_log_holds(serve: Serve, tmp_path: Path, ack: str) -> None:
    left_behind(serve, tmp_path)
    settings = {"SINK": "file", "FILE_DIR": tmp_path / "out", "ACK": ack, "WAL_DIR": tmp_path / "wal"}
    ingestor = serve(**settings)
    ingestor.wait_drained()
    assert ingestor.metric("journal_recovered_events_total") == 3
    assert ids_in(tmp_path / "out") == ["e0", "e1", "e2"]
    ingestor.post(json.dumps({"id": "new", "type": "t"}))
    ingestor.wait_drained()
    assert ingestor.terminate() == 0

    again = serve(**settings)
    assert not again.metrics().has("event_ingestor_wal_backlog_events"), "the log must not be used any more"
    assert again.terminate() == 0
    assert ids_in(tmp_path / "out") == ["e0", "e1", "e2", "new"]
