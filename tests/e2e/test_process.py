"""The process and its environment: readers of its log, signals, resource limits."""

import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.http_client import ConnectionClosed, RawConnection, Reply
from support.ingestor import EVENTS, JSON, ROOT, Ingestor, binary, run_to_exit
from support.metrics import Metrics
from support.ports import free_port
from support.waiting import wait_until

Serve = Callable[..., Ingestor]
EVENT = b'{"type":"t"}'
CLEAN, FAILED, SETTINGS, UNDELIVERED, STORAGE_FAILED, STOPPED, OUT_OF_MEMORY = range(7)
PIPE_BYTES = 4096


class Piped:
    """A service with the file sink, started immediately, whose stdout and stderr are the given pipe ends."""

    def __init__(self, folder: Path, stdout: int, stderr: int, *before: str, **others: str) -> None:
        self.port = free_port()
        settings = {
            "SINK": "file",
            "HTTP_PORT": str(self.port),
            "ACK": "memory",
            "SHUTDOWN_TIMEOUT": "5s",
        }
        settings |= others
        self.process = subprocess.Popen(
            [*before, binary()],
            cwd=folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )

    def request(self, method: str, path: str, body: bytes | None = None) -> Reply:
        with RawConnection(self.port) as connection:
            return connection.request(method, path, body, {"Content-Type": JSON} if body else {})

    def wait_serving(self) -> None:
        wait_until(lambda: self.request("GET", "/livez").status == 200, 20, "it serves")

    def metric(self, name: str) -> float:
        return Metrics(self.request("GET", "/metrics").body.decode()).value(f"event_ingestor_{name}")


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe that is full."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    assert os.write(writer, b"\n" * PIPE_BYTES) == PIPE_BYTES
    yield reader, writer
    for end in (reader, writer):
        os.close(end)


def test_an_unread_log_delays_neither_the_service_nor_its_stop(
    tmp_path: Path, full_pipe: tuple[int, int]
) -> None:
    service = Piped(tmp_path, stdout=full_pipe[1], stderr=full_pipe[1])
    try:
        service.wait_serving()
        service.process.send_signal(signal.SIGHUP)  # logs a line each time
        assert service.request("POST", EVENTS, EVENT).status == 202
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == CLEAN
    finally:
        service.process.kill()
        service.process.wait()


def test_a_second_signal_ends_it_at_once_with_an_unread_log(
    tmp_path: Path, full_pipe: tuple[int, int]
) -> None:
    service = Piped(tmp_path, stdout=full_pipe[1], stderr=full_pipe[1])
    try:
        service.wait_serving()
        with RawConnection(service.port) as half:
            half.send(b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            wait_until(
                lambda: service.metric("http_connections") == 2,
                10,
                "the request is under way",
            )
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _refuses(service.port), 10, "it stops")
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(3) != CLEAN
    finally:
        service.process.kill()
        service.process.wait()


def _refuses(port: int) -> bool:
    try:
        RawConnection(port).close()
        return False
    except ConnectionRefusedError:
        return True


def test_a_log_whose_reader_is_gone_costs_its_lines_and_nothing_else(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    service = Piped(tmp_path, stdout=writer, stderr=writer)
    os.close(writer)
    os.close(reader)
    try:
        service.wait_serving()
        assert service.request("POST", EVENTS, EVENT).status == 202
        wait_until(
            lambda: service.metric("log_lines_dropped_total") > 0,
            10,
            "the lines are counted",
        )
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == CLEAN
    finally:
        service.process.kill()
        service.process.wait()


# --- signals and limits


@pytest.mark.sanitizer
def test_signals_that_mean_nothing_here_do_nothing(serve: Serve) -> None:
    ingestor = serve(SINK="file")
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGUSR1, signal.SIGUSR2):
        ingestor.signal(number)
        assert ingestor.post(EVENT).status == 202
    assert ingestor.terminate() == CLEAN


def test_a_limit_of_the_size_of_files_is_a_storage_fault_and_no_silent_death(
    serve: Serve, tmp_path: Path
) -> None:
    ingestor = serve(SINK="file", ACK="wal", cwd=tmp_path, expected_exit=STORAGE_FAILED)
    assert ingestor.post(EVENT).status == 202
    resource.prlimit(ingestor.pid, resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
    assert ingestor.post(EVENT).code == "storage_failed"
    assert ingestor.wait_exit() == STORAGE_FAILED
    assert any("File too large" in line.get("error", "") for line in ingestor.logs), ingestor.output()


def test_memory_that_cannot_be_had_ends_it_with_its_own_status_and_a_line(
    serve: Serve,
) -> None:
    ingestor = serve(
        SINK="file",
        expected_exit=OUT_OF_MEMORY,
        BODY_BYTES_MAX="64MiB",
        HTTP_INFLIGHT_BYTES_MAX="1GiB",
        QUEUE_BYTES_MAX="1GiB",
    )
    pages = int(Path(f"/proc/{ingestor.pid}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (16 << 20)
    resource.prlimit(ingestor.pid, resource.RLIMIT_AS, (limit, limit))
    with pytest.raises((ConnectionClosed, ConnectionError)):
        ingestor.post(b'"' + b"x" * (60 << 20) + b'"')
    assert ingestor.wait_exit() == OUT_OF_MEMORY
    assert "out of memory" in ingestor.stderr and "QUEUE_BYTES_MAX" in ingestor.stderr


def test_too_few_open_files_are_logged_and_cost_connections_not_the_log(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    small = {
        "BODY_BYTES_MAX": "128KiB",
        "EVENT_BYTES_MAX": "100KiB",
        "BATCH_EVENTS_MAX": "100",
    }
    with log.open("wb") as out:
        limited = ("/usr/bin/prlimit", "--nofile=300:300")
        service = Piped(
            tmp_path,
            out.fileno(),
            out.fileno(),
            *limited,
            ACK="wal",
            WAL_BYTES_MAX="64MiB",  # in files of 2 MiB
            **small,
        )
    connections: list[RawConnection] = []
    try:
        service.wait_serving()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        told = [line for line in lines if "the limit of open files is too low" in line["message"]]
        assert len(told) == 1 and told[0]["level"] == "error"
        assert (told[0]["limit"], told[0]["connections_max"]) == (300, 10_000)
        served = told[0]["connections_served"]
        assert 20 < served < 300 < 10_000 < told[0]["wanted"]

        first = RawConnection(service.port)
        connections.append(first)
        connections += [RawConnection(service.port) for _ in range(400)]
        event = json.dumps({"type": "t", "payload": "x" * 90_000}).encode()
        for _ in range(100):  # several segments of the log
            assert first.request("POST", EVENTS, event, {"Content-Type": JSON}).status == 202
        assert "could not be accepted" not in log.read_text()
    finally:
        for connection in connections:
            connection.close()
        service.process.kill()
        service.process.wait()


def test_hardly_any_open_files_are_a_fault_of_the_settings(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        service = Piped(tmp_path, out.fileno(), out.fileno(), "/usr/bin/prlimit", "--nofile=100:100")
    assert service.process.wait(20) == SETTINGS
    assert "the limit of open files is 100" in log.read_text()


# --- old configurations


def test_settings_that_were_removed_do_not_stop_it_and_are_named_once(serve: Serve, tmp_path: Path) -> None:
    config = tmp_path / "old.yaml"
    config.write_text("file: {segment_bytes: 1MiB}\nhttp: {port: 0}\n")
    old = {"CONFIG": config, "WAL_SEGMENT_BYTES": "1MiB", "HTTP_BODY_TIMEOUT": "nonsense", "SINK": "file"}
    ingestor = serve("--wal.commit_interval=2ms", **old)
    assert ingestor.post(EVENT).status == 202
    (line,) = ingestor.log_lines(code="setting_removed")
    assert line["level"] == "warn"
    for source in (
        f"file {config}:1",
        "environment WAL_SEGMENT_BYTES",
        "environment HTTP_BODY_TIMEOUT",
        "flag --wal.commit_interval",
    ):
        assert f"({source})" in line["settings"]

    checked = run_to_exit("config", "check", "--wal.commit_interval=2ms", settings=old)
    assert (checked.status, checked.stdout) == (CLEAN, "ok\n")
    assert len(checked.stderr.splitlines()) == 4 and "Set http.request_timeout" in checked.stderr


# --- name servers that don't answer


@pytest.fixture
def hanging_resolver(tmp_path: Path) -> dict[str, object]:
    """Settings with which no host name can be resolved."""
    library = tmp_path / "hanging_resolver.so"
    source = ROOT / "tests/support/hanging_resolver.c"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"],
        check=True,
    )
    return {
        "LD_PRELOAD": library,
        "SINK": "kafka",
        "KAFKA_BROKERS": "broker.invalid:9092",
        "SHUTDOWN_TIMEOUT": "1s",
    }


# In addition to SHUTDOWN_TIMEOUT; half of it is for closing the sink, and the machine may be slow.
STOP_SECONDS = 15


def test_a_name_server_that_hangs_does_not_hold_up_the_stop(
    serve: Serve, hanging_resolver: dict[str, object]
) -> None:
    ingestor = serve(**hanging_resolver)
    assert ingestor.terminate(1 + STOP_SECONDS) == CLEAN, "nothing was lost"


def test_what_a_stop_beside_a_hanging_name_server_loses_is_counted(
    serve: Serve, hanging_resolver: dict[str, object]
) -> None:
    ingestor = serve(expected_exit=UNDELIVERED, **hanging_resolver)
    assert ingestor.post(EVENT).status == 202
    assert ingestor.terminate(1 + STOP_SECONDS) == UNDELIVERED
    assert any(line.get("events") == 1 and line["level"] == "error" for line in ingestor.logs), (
        ingestor.output()
    )


def test_a_start_that_fails_beside_a_hanging_name_server_ends(
    hanging_resolver: dict[str, object],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_to_exit(settings=hanging_resolver | {"HTTP_PORT": port, "ACK": "memory"})
    assert refused.status == FAILED, refused.said
    assert "can't listen" in refused.said


def test_a_name_server_that_hangs_does_not_hold_up_the_end_of_a_command(
    hanging_resolver: dict[str, object], tmp_path: Path
) -> None:
    command = subprocess.Popen(
        [binary(), "dlq", "stats"],
        cwd=tmp_path,
        env={name: str(value) for name, value in hanging_resolver.items()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        tasks = Path(f"/proc/{command.pid}/task")
        wait_until(lambda: len(list(tasks.iterdir())) > 2, 10, "the client's threads run")
        command.send_signal(signal.SIGTERM)
        said = command.communicate(timeout=STOP_SECONDS + 10)[1]
    finally:
        command.kill()
        command.wait()
    assert command.returncode == STOPPED, said
    assert "the Kafka client hangs" in said


def test_a_token_endpoint_whose_name_server_hangs_does_not_hold_up_the_stop(
    serve: Serve, hanging_resolver: dict[str, object], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    ingestor = serve(
        **hanging_resolver
        | {
            "KAFKA_BROKERS": f"127.0.0.1:{free_port()}",
            "KAFKA_SECURITY_PROTOCOL": "sasl_plaintext",
            "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
            "KAFKA_OAUTH_SOURCE": "oidc",
            "KAFKA_OAUTH_TOKEN_URL": "https://tokens.invalid/token",
            "KAFKA_OAUTH_CLIENT_ID": "ingestor",
            "KAFKA_OAUTH_CLIENT_SECRET_FILE": secret,
        }
    )
    began = time.monotonic()
    assert ingestor.terminate() == CLEAN
    assert time.monotonic() - began < 4, "nothing else hangs"
