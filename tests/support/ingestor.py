"""The built binary, run as an operator runs it: settings by environment, logs on stdout, signals."""

import atexit
import functools
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from support.certificates import Authority
from support.http_client import RawConnection, Reply
from support.metrics import Metrics
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
EVENTS = "/events"
JSON = "application/json"
NDJSON = "application/x-ndjson"

_START_SECONDS = 30
_EXIT_SECONDS = 40
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")
_LOG_FIELDS = ("level", "time", "component", "message")


def binary() -> Path:
    path = Path(os.environ.get("EVENT_INGESTOR", ROOT / "build/release/event-ingestor")).resolve()
    assert path.is_file(), f"{path} does not exist; run make build, or name the binary in EVENT_INGESTOR"
    return path


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Only the variables of the caller's environment that the system and the sanitizers need."""
    keep = {
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "ASAN_OPTIONS",
        "LSAN_OPTIONS",
        "TSAN_OPTIONS",
        "UBSAN_OPTIONS",
    }
    inherited = {name: value for name, value in os.environ.items() if name in keep}
    return inherited | {name: str(value) for name, value in settings.items()}


def is_sanitizer_report(text: str) -> bool:
    return _SANITIZER.search(text) is not None


@functools.cache
def _authority_of_this_run() -> Authority:
    folder = Path(tempfile.mkdtemp(prefix="ingestor-tls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Authority(folder)


def _tls_of_this_run() -> tuple[dict[str, object], ssl.SSLContext] | None:
    """With EVENT_INGESTOR_TLS=1 every service has TLS, and every RawConnection to one uses it."""
    if os.environ.get("EVENT_INGESTOR_TLS") != "1":
        return None
    authority = _authority_of_this_run()
    issued = authority.issue("server")
    settings = {
        "HTTP_TLS_CERTIFICATE_FILE": issued.certificate,
        "HTTP_TLS_KEY_FILE": issued.key,
    }
    return settings, ssl.create_default_context(cafile=str(authority.certificate))


@dataclass(frozen=True)
class Finished:
    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All output that an operator can read: the log lines and stderr."""
        return self.stdout + self.stderr


def run_to_exit(
    *arguments: str,
    settings: Mapping[str, object] | None = None,
    cwd: Path | None = None,
) -> Finished:
    """For starts that must fail, and for subcommands that end by themselves."""
    with tempfile.TemporaryDirectory(prefix="ingestor-") as own:
        done = subprocess.run(
            [binary(), *arguments],
            env=_environment(settings or {}),
            cwd=cwd or own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_EXIT_SECONDS,
            check=False,
        )
    assert not is_sanitizer_report(done.stderr), done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


class Ingestor:
    """A serving process. Settings are given by their environment names: Ingestor(QUEUE_SIZE=10).

    Uses any free port. close() (or the end of a `with`) stops it, expects exit status 0 unless another one is
    given, and checks everything it wrote. Requests may come from any thread. `tls`: for the connections of
    this object, if the settings have TLS.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        expected_exit: int = 0,
        tls: ssl.SSLContext | None = None,
        **settings: object,
    ):
        self._own_dir = tempfile.TemporaryDirectory(prefix="ingestor-") if cwd is None else None
        self.cwd = cwd or Path(self._own_dir.name)  # type: ignore[union-attr]
        self.expected_exit = expected_exit
        self.settings: dict[str, object] = {
            "HTTP_PORT": 0,
            "LOG_LEVEL": "INFO",
            "SHUTDOWN_DELAY": "0s",
            "SHUTDOWN_TIMEOUT": "20s",
            "ACK": "memory",  # the cheapest level to start; tests of the log set another
        } | settings
        self.tls = tls
        if tls is None and (every := _tls_of_this_run()) is not None:
            own, self.tls = every
            self.settings |= own
        self.logs: list[dict[str, Any]] = []
        self.bad_lines: list[str] = []
        self.stderr = ""
        self.port = 0
        self.admin_port = 0
        self._closed = False
        self._was_killed = False
        self._process = subprocess.Popen(
            [binary(), *arguments],
            env=_environment(self.settings),
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            wait_until(self._learnt_ports, _START_SECONDS, 'the log says "listening"')
        except (AssertionError, RuntimeError) as error:
            self.kill()
            self._remove_own_dir()
            raise AssertionError(f"the service did not start: {error}\n{self.output()}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()
            self._remove_own_dir()

    # --- requests

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> Reply:
        with RawConnection(port or self.port, tls=self.tls) as connection:
            return connection.request(method, path, body, headers or {})

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("GET", path, headers=headers)

    def get_admin(self, path: str) -> Reply:
        """From the admin port if there is one."""
        return self.request("GET", path, port=self.admin_port or self.port)

    def post(
        self,
        body: bytes | str | dict | list,
        content_type: str | None = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """POST /events; a dict or a list is sent as JSON."""
        if isinstance(body, dict | list):
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        own = {"Content-Type": content_type} if content_type is not None else {}
        return self.request("POST", EVENTS, data, own | dict(headers or {}))

    def connect(self) -> RawConnection:
        return RawConnection(self.port, tls=self.tls)

    # --- observation

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def rss_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def connections_to(self, port: int) -> int:
        """The number of established TCP connections over IPv4 that it has to this port."""
        established = set()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, _, remote, state, *_, inode = line.split()[:10]
            if state == "01" and remote.endswith(f":{port:04X}"):
                established.add(f"socket:[{inode}]")
        files = Path(f"/proc/{self.pid}/fd")
        return sum(os.readlink(files / name) in established for name in os.listdir(files))

    def metrics(self) -> Metrics:
        reply = self.get_admin("/metrics")
        assert reply.status == 200, reply
        return Metrics(reply.body.decode())

    def metric(self, name: str, **labels: str) -> float:
        """The value of metric `event_ingestor_NAME`."""
        return self.metrics().value(f"event_ingestor_{name}", **labels)

    def wait_drained(self, seconds: float = 30) -> Metrics:
        """Waits until the journal is empty and the counts balance: recovered + accepted = delivered +
        dead-lettered + lost (the first and the last are always 0 for a memory journal).

        A scrape during the last deliveries may see one change before another.
        """
        seen = ""

        def drained() -> Metrics | None:
            nonlocal seen
            metrics = self.metrics()
            waiting, recovered, accepted, delivered, dead, lost = (
                metrics.value(f"event_ingestor_{name}")
                for name in (
                    "journal_events",
                    "journal_recovered_events_total",
                    "events_accepted_total",
                    "events_delivered_total",
                    "events_dead_lettered_total",
                    "journal_lost_events_total",
                )
            )
            seen = f"{recovered} recovered, {accepted} accepted, {delivered} delivered, "
            seen += f"{dead} dead-lettered, {lost} lost, {waiting} waiting"
            return metrics if waiting == 0 and recovered + accepted == delivered + dead + lost else None

        try:
            return wait_until(drained, seconds, "the journal is drained and the counts balance")
        except AssertionError as error:
            raise AssertionError(f"{error}; {seen}\n{self.output()}") from None

    def log_lines(self, message: str | None = None, **fields: object) -> list[dict[str, Any]]:
        """The log lines with this message and these fields."""
        return [
            line
            for line in list(self.logs)
            if (message is None or line.get("message") == message)
            and all(line.get(name) == value for name, value in fields.items())
        ]

    def output(self) -> str:
        lines = "\n".join(json.dumps(line) for line in self.logs[-60:])
        return f"--- log of pid {self.pid}:\n{lines}\n--- stderr:\n{self.stderr[-8000:]}"

    # --- end of the process

    def signal(self, which: signal.Signals) -> None:
        self._process.send_signal(which)

    def wait_exit(self, seconds: float = _EXIT_SECONDS) -> int:
        """Waits until it has ended by itself and all of its output has been read; returns the exit status."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s\n{self.output()}") from None
        for reader in self._readers:
            reader.join(10)
        return status

    def terminate(self, seconds: float = _EXIT_SECONDS) -> int:
        """SIGTERM; returns the exit status."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait_exit(seconds)

    def kill(self) -> None:
        """kill -9; then reads the rest of the output."""
        if self.running:
            self._was_killed = True
            self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(10)

    def close(self) -> None:
        """Stops it if it still runs; checks exit status and output. May be called again."""
        if self._closed:
            return
        self._closed = True
        try:
            status = self.terminate()
        except AssertionError:
            self._remove_own_dir()
            raise
        self._remove_own_dir()
        assert self._was_killed or status == self.expected_exit, f"exit status {status}\n{self.output()}"
        self.check_output()

    def _remove_own_dir(self) -> None:
        if self._own_dir is not None:
            self._own_dir.cleanup()

    def check_output(self) -> None:
        assert not self.bad_lines, f"stdout lines that are not log objects: {self.bad_lines[:5]}"
        for line in self.logs:
            missing = [name for name in _LOG_FIELDS if not isinstance(line.get(name), str) or not line[name]]
            assert not missing, f"log line without {missing}: {line}"
            assert _RFC3339.fullmatch(line["time"]), f"log line with a bad time: {line}"
        assert not is_sanitizer_report(self.stderr), self.stderr

    def _learnt_ports(self) -> bool:
        for line in self.log_lines("listening"):
            if line.get("component") == "admin":
                self.admin_port = line["port"]
            else:
                self.port = line["port"]
        if self.port and (self.admin_port or "ADMIN_PORT" not in self.settings):
            return True
        if not self.running:
            # The reader threads may not have read the last output yet.
            for reader in self._readers:
                reader.join(10)
            raise RuntimeError(f"it ended with status {self._process.returncode}")
        return False

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for raw in lines:
                self._take_line(raw)

    def _take_line(self, raw: bytes) -> None:
        text = raw.decode("utf-8", errors="replace").rstrip("\n")
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        # kill -9 may cut the last line short.
        if isinstance(line, dict):
            self.logs.append(line)
        elif not (self._was_killed and not raw.endswith(b"\n")):
            self.bad_lines.append(text)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for raw in lines:
                self.stderr += raw.decode("utf-8", errors="replace")
