"""The embedded sink: events as NDJSON in files, complete also after a crash."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestor import NDJSON, Ingestor
from support.load import LoadClient, ndjson_events, single_events
from support.waiting import wait_until

Serve = Callable[..., Ingestor]
COMPLETE = '"type":"t","timestamp":"2026-01-31T12:00:00Z"'
MIB = 1 << 20


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "made/by/the service"


def files(directory: Path) -> list[Path]:
    found = [path for path in directory.rglob("*") if path.is_file() and path.stat().st_size > 0]
    return sorted(path for path in found if not path.name.startswith("."))


def stored(directory: Path) -> list[bytes]:
    """All lines, oldest file first. Each must be complete and a JSON object."""
    lines = []
    for path in files(directory):
        content = path.read_bytes()
        assert content.endswith(b"\n"), f"{path} ends within a line"
        lines += content.split(b"\n")[:-1]
    assert all(isinstance(json.loads(line), dict) for line in lines)
    return lines


def stored_ids(directory: Path) -> list[str]:
    return [json.loads(line)["id"] for line in stored(directory)]


@pytest.mark.sanitizer
def test_events_are_in_the_directory_as_ndjson(serve: Serve, directory: Path) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory)
    events = [f'{{"id":"f{n}",{COMPLETE},"payload":[1e999,"żółć"]}}' for n in range(20)]
    assert ingestor.post("\n".join(events), NDJSON).status == 202
    ingestor.wait_drained()
    assert ingestor.terminate() == 0
    # Workers share the file, so order is kept for events of one key only.
    assert sorted(stored(directory)) == sorted(event.encode() for event in events)


@pytest.mark.sanitizer
def test_line_breaks_between_tokens_become_spaces_and_nothing_else_changes(
    serve: Serve, directory: Path
) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory)
    pretty = '{\n  "id": "pretty",\r\n  "type": "t",\n\n  "timestamp": "2026-01-31T12:00:00Z",\n'
    pretty += '  "payload": {\n    "text": "a\\nb\\u000ac\u2028\\r",\n    "list": [\n1,\r2\n]\n  }\n}'
    assert ingestor.post(pretty).status == 202
    ingestor.wait_drained()
    assert ingestor.terminate() == 0
    (line,) = stored(directory)
    assert json.loads(line) == json.loads(pretty)
    assert line == pretty.replace("\r", " ").replace("\n", " ").encode()


def test_order_of_a_connection_is_the_order_of_the_file(serve: Serve, directory: Path) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory, WORKER_POOL_SIZE=1)
    with LoadClient(ingestor.port, single_events("o"), connections=1, requests=1000) as load:
        load.wait_accepted(1000)
        load.stop()
    assert ingestor.terminate() == 0
    assert stored_ids(directory) == [f"o-0-{n}" for n in range(1000)]


def test_segments_are_rotated_by_size(serve: Serve, directory: Path) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory, QUEUE_BYTES_MAX="256MiB")
    with LoadClient(
        ingestor.port, ndjson_events("s", 100, pad_bytes=9000), connections=4, requests=180
    ) as load:
        load.wait_accepted(18_000, 60)
        result = load.stop()
    ingestor.wait_drained()
    assert ingestor.terminate() == 0
    first, second = files(directory)
    # A write of at most 4 MiB that doesn't fit any more goes to the next segment.
    assert 124 * MIB < first.stat().st_size <= 128 * MIB
    assert 10 * MIB < second.stat().st_size < 128 * MIB
    assert sorted(stored_ids(directory)) == sorted(result.accepted)


def test_a_restart_adds_to_what_is_there(serve: Serve, directory: Path) -> None:
    for run in range(3):
        ingestor = serve(SINK="file", FILE_DIR=directory)
        assert ingestor.post({"id": f"run{run}", "type": "t"}).status == 202
        assert ingestor.terminate() == 0
    assert stored_ids(directory) == ["run0", "run1", "run2"]


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "torn", [b'{"id":"torn","type":"t"', b"{", b'{"id":"torn","type":"t"}', b"\x00" * 5000]
)
def test_a_torn_tail_is_cut_at_the_restart(serve: Serve, directory: Path, torn: bytes) -> None:
    first = serve(SINK="file", FILE_DIR=directory)
    assert first.post([{"id": "a", "type": "t"}, {"id": "b", "type": "t"}]).status == 202
    assert first.terminate() == 0
    newest = files(directory)[-1]
    with newest.open("ab") as file:
        file.write(torn)
    second = serve(SINK="file", FILE_DIR=directory)
    assert second.post({"id": "c", "type": "t"}).status == 202
    assert second.terminate() == 0
    ids = stored_ids(directory)
    assert sorted(ids) == ["a", "b", "c"] and ids[-1] == "c"


def test_after_a_crash_every_delivered_event_is_there(serve: Serve, directory: Path) -> None:
    first = serve(SINK="file", FILE_DIR=directory)
    with LoadClient(first.port, ndjson_events("c", 50), connections=4) as load:
        load.wait_accepted(5000)
        delivered = first.metric("events_delivered_total")
        first.kill()
        result = load.stop()
    second = serve(SINK="file", FILE_DIR=directory)
    assert second.post({"id": "after", "type": "t"}).status == 202
    assert second.terminate() == 0
    ids = stored_ids(directory)
    assert ids[-1] == "after" and len(ids) == len(set(ids))
    assert set(ids) - {"after"} <= set(result.accepted) | set(result.unanswered)
    assert len(ids) - 1 >= delivered > 0


@pytest.mark.sanitizer
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_stores_everything_accepted(
    serve: Serve, directory: Path, how: signal.Signals
) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory)
    with LoadClient(ingestor.port, single_events("t"), connections=16) as load:
        load.wait_accepted(2000)
        ingestor.signal(how)
        assert ingestor.wait_exit() == 0, ingestor.output()
        result = load.stop()
    ids = stored_ids(directory)
    assert len(ids) == len(set(ids))
    assert set(result.accepted) <= set(ids) <= set(result.accepted) | set(result.unanswered)


def test_two_services_do_not_share_a_directory_by_mistake(serve: Serve, directory: Path) -> None:
    """Whether the second start fails or uses separate files, no line may be damaged."""
    first = serve(SINK="file", FILE_DIR=directory)
    try:
        second = serve(SINK="file", FILE_DIR=directory)
    except AssertionError as refused:
        assert str(directory) in str(refused)
        second = None
    with LoadClient(first.port, ndjson_events("x", 50), connections=2, requests=40) as load:
        if second is not None:
            with LoadClient(second.port, ndjson_events("y", 50), connections=2, requests=40) as other:
                other.wait_accepted(2000)
                other.stop()
        load.wait_accepted(2000)
        load.stop()
    assert first.terminate() == 0
    assert second is None or second.terminate() == 0
    ids = stored_ids(directory)
    assert len(ids) == len(set(ids)) == (2000 if second is None else 4000)


def test_delivered_means_that_it_is_in_the_file(serve: Serve, directory: Path) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory)
    assert ingestor.post({"id": "now", "type": "t"}).status == 202
    wait_until(lambda: ingestor.metric("events_delivered_total") == 1, 10, "the event is delivered")
    assert stored_ids(directory) == ["now"]


# --- files moved or removed while the service runs


def remove_files(directory: Path) -> None:
    for path in files(directory):
        path.unlink()


def move_files(directory: Path) -> None:
    away = directory.parent / "away"
    away.mkdir(exist_ok=True)
    for path in files(directory):
        path.rename(away / path.name)


def replace_files_by_links(directory: Path) -> None:
    paths = files(directory)
    move_files(directory)
    for path in paths:
        path.symlink_to(directory.parent / "away" / path.name)


@pytest.mark.sanitizer
@pytest.mark.parametrize("take", [remove_files, move_files, replace_files_by_links, shutil.rmtree])
def test_what_is_acknowledged_after_the_files_were_taken_away_is_in_new_ones(
    serve: Serve, directory: Path, take: Callable[[Path], None]
) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory, ACK="broker")
    assert ingestor.post({"id": "before", "type": "t"}).status == 200
    take(directory)
    ids = [f"after-{n}" for n in range(50)]
    for event_id in ids:
        assert ingestor.post({"id": event_id, "type": "t"}).status == 200
    found = [path for path in files(directory) if not path.is_symlink()]
    after = [json.loads(line)["id"] for path in found for line in path.read_text().splitlines()]
    assert sorted(after) == sorted(ids)
    message = "a segment was moved, removed or changed by another process; a new one is started"
    wait_until(lambda: ingestor.log_lines(message, component="file_sink"), 10, "the change is logged")


def test_files_may_be_moved_away_at_any_time_under_load(serve: Serve, directory: Path) -> None:
    ingestor = serve(SINK="file", FILE_DIR=directory, ACK="broker")
    with LoadClient(ingestor.port, single_events("m"), connections=16) as load:
        for accepted in range(500, 4000, 500):
            load.wait_accepted(accepted)
            move_files(directory)
        result = load.stop()
    assert ingestor.terminate() == 0
    ids = set(stored_ids(directory.parent / "away")) | set(stored_ids(directory))
    assert set(result.accepted) <= ids
    assert set(result.statuses) == {200}
