"""The processes of a bench run. Each is owned by a `with` block and ends with it, also on Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.certificates import Issued  # noqa: E402
from support.ingestor import Ingestor  # noqa: E402
from support.kafka_broker import KafkaBroker  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.waiting import wait_until  # noqa: E402

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Extra time that a tool may need beyond the requested time.
_GRACE_SECONDS = 60


class BenchFault(Exception):
    """The run's results are invalid: events were lost, or something broke. Never raised for a missed
    target."""


def say(text: str) -> None:
    print(text, flush=True)


def check(holds: bool, fault: str) -> None:
    if not holds:
        raise BenchFault(fault)


def _end_on_sigterm() -> None:
    """SIGTERM unwinds the stack like Ctrl-C, so that every child process is ended."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def exit_status(run: Callable[[], object], json_file: str | None = None) -> int:
    """Runs a bench; returns the exit status of its script. If a file is named, the figures that `run` returns
    are written to it."""
    _end_on_sigterm()
    try:
        figures = run()
    except (BenchFault, AssertionError, RuntimeError) as fault:
        print(f"\nFAULT: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    if json_file:
        Path(json_file).write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def program(name: str) -> str:
    """Path of a program of this folder, from the release build or from BENCH_PROGRAMS."""
    path = Path(os.environ.get("BENCH_PROGRAMS", ROOT / "build/release/bench")) / name
    check(path.is_file(), f"{path} does not exist; run make build")
    return str(path)


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of a process, all threads."""

    user: float
    system: float

    @staticmethod
    def of(pid: int) -> "Cpu":
        # Field 2 may contain spaces; the text after its last parenthesis does not.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return Cpu(int(fields[11]) * _TICK_SECONDS, int(fields[12]) * _TICK_SECONDS)

    @property
    def total(self) -> float:
        return self.user + self.system

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.user - earlier.user, self.system - earlier.system)


def thread_seconds(pid: int) -> dict[int, float]:
    """CPU seconds of each thread, by id, from the scheduler's count, which is finer than a tick."""
    return {
        int(task.name): int((task / "schedstat").read_text().split()[0]) / 1e9
        for task in Path(f"/proc/{pid}/task").iterdir()
    }


def thread_name(pid: int, thread: int) -> str:
    return Path(f"/proc/{pid}/task/{thread}/comm").read_text().strip()


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def peak_rss_bytes(pid: int) -> int:
    """The peak since the process started, from the kernel."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise BenchFault(f"/proc/{pid}/status has no VmHWM")


class RssSamples:
    """Samples a process's RSS until the block ends."""

    def __init__(self, pid: int, every_seconds: float):
        self._pid = pid
        self._every = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.samples: list[int] = []

    def __enter__(self) -> Self:
        self.samples.append(rss_bytes(self._pid))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(self._every):
            self.samples.append(rss_bytes(self._pid))

    def growth_bytes(self) -> int:
        """How far the maximum of the second half is above the maximum of the first half."""
        half = max(1, len(self.samples) // 2)
        return max(self.samples[half:], default=self.samples[-1]) - max(self.samples[:half])


class Nginx:
    """nginx with one worker that answers 202 to every request, or passes it to the port `behind` on one of
    a few pooled connections. With TLS if there is a certificate. `pid` is the worker's."""

    def __init__(self, behind: int | None = None, issued: Issued | None = None) -> None:
        self._behind = behind
        self._issued = issued
        self._dir = tempfile.TemporaryDirectory(prefix="nginx-")
        self.port = 0
        self.pid = 0
        self._master: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        os.chmod(self._dir.name, 0o755)  # if started by root, the worker runs as another user
        try:
            for _ in range(5):
                if self._start():
                    return self
            raise BenchFault(f"nginx did not start: {self._errors()}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._master is not None and self._master.poll() is None:
            self._master.terminate()
            try:
                self._master.wait(10)
            except subprocess.TimeoutExpired:
                # If the master were killed, its worker would keep running.
                for pid in [self._worker(), self._master.pid]:
                    if pid:
                        os.kill(pid, signal.SIGKILL)
                self._master.wait()
        self._dir.cleanup()

    def _start(self) -> bool:
        self.port = free_port()
        upstream, answer = "", "return 202;"
        if self._behind is not None:
            upstream = f"upstream service {{ server 127.0.0.1:{self._behind}; keepalive 64; }}"
            answer = (
                "proxy_pass http://service; proxy_http_version 1.1; "
                'proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr;'
            )
        tls = ""
        if self._issued is not None:
            tls = f" ssl; ssl_certificate {self._issued.certificate}; ssl_certificate_key {self._issued.key}"
        config = (ROOT / "bench/nginx.conf").read_text()
        texts = {"PORT": str(self.port), "TLS": tls, "UPSTREAM": upstream, "ANSWER": answer}
        for name, text in texts.items():
            config = config.replace(f"@{name}@", text)
        (Path(self._dir.name) / "nginx.conf").write_text(config)
        self._master = subprocess.Popen(
            ["nginx", "-p", self._dir.name, "-e", "error.log", "-c", "nginx.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin"},
        )
        wait_until(lambda: self._worker() or self._master.poll() is not None, 10, "nginx has its worker")
        self.pid = self._worker()
        return self._master.poll() is None and self.pid != 0

    def _worker(self) -> int:
        """The master's child process; 0: none."""
        assert self._master is not None
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended
            if parent == self._master.pid:
                return int(stat.parent.name)
        return 0

    def _errors(self) -> str:
        log = Path(self._dir.name) / "error.log"
        return log.read_text() if log.exists() else "no error log"


class Generator:
    """A load run in the background; ends with the block at the latest. `tls`: over https."""

    def __init__(self, port: int, tls: bool = False, **options: object):
        scheme = "https" if tls else "http"
        self._command = [program("load_generator"), "--url", f"{scheme}://127.0.0.1:{port}/events"]
        self._seconds_max = _GRACE_SECONDS + float(str(options.get("duration", 600)))
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            self._command += [option] if value is True else [option, str(value)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def report(self) -> dict[str, Any]:
        """Waits for the end and returns the printed report."""
        assert self._process is not None
        try:
            output, _ = self._process.communicate(timeout=self._seconds_max)
        except subprocess.TimeoutExpired:
            raise BenchFault("the load generator did not end in time") from None
        check(self._process.returncode == 0, f"the load generator failed with {self._process.returncode}")
        return json.loads(output)


def generate(port: int, **options: Any) -> dict[str, Any]:
    """Runs a load in which every request must be answered."""
    with Generator(port, **options) as generator:
        report = generator.report()
    check_answered(report)
    return report


def check_answered(report: dict[str, Any]) -> None:
    for fault in ("unanswered", "connect_errors", "bad_replies"):
        check(report[fault] == 0, f"{report[fault]} {fault} under load: {report}")
    check(report["requests"] > 0, f"no request was sent: {report}")


def run_tool(*command: str, seconds: float = 300, ok: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Runs a program of this folder that prints one JSON object."""
    try:
        done = subprocess.run(
            [program(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchFault(f"{command[0]} did not end in {seconds} s") from None
    check(done.returncode in ok, f"{command[0]} failed with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def new_broker(settings: dict[str, str] | None = None, **more: Any) -> KafkaBroker:
    """A broker that deletes old data soon, for topics that request it."""
    soon = {"log.retention.check.interval.ms": "5000", "log.segment.delete.delay.ms": "1000"}
    return KafkaBroker(soon | (settings or {}), heap="1g", **more)


def new_topic(broker: KafkaBroker, name: str, keep_all: bool = False) -> str:
    """Creates a topic with six partitions. Without `keep_all` only the newest records stay on disk; all are
    counted, as the offsets continue."""
    if keep_all:
        return broker.create_topic(name, 6)
    return broker.create_topic(name, 6, retention_bytes=str(256 << 20), segment_bytes=str(64 << 20))


def records_written(broker: KafkaBroker, topic: str) -> int:
    """Waits for leaders of the partitions: a broker that has just returned from an outage may be fenced for a
    moment."""

    def counted() -> tuple[int]:
        try:
            return (run_tool("ledger_check", "--brokers", broker.address, "--topic", topic)["records"],)
        except BenchFault as fault:
            raise AssertionError(str(fault)) from None

    return wait_until(counted, 30, f"the records of {topic} can be counted")[0]


def compare_ids(broker: KafkaBroker, topic: str, ledger: Path, keyed: bool = False) -> dict[str, Any]:
    """Compares the accepted ids with the whole topic: none may be missing. `keyed`: the records' keys are not
    the ids, and the events of each key must be in order."""
    found = run_tool(
        "ledger_check", "--brokers", broker.address, "--topic", topic, "--ledger", str(ledger),
        *(["--keyed"] if keyed else []),
        seconds=600, ok=(0, 1),
    )  # fmt: skip
    say(
        f"  accepted {found['ledger']:,} ids; in the topic {found['records']:,} records, {found['distinct']:,} "
        f"distinct; missing {found['missing']}, duplicates {found['duplicates']:,}, extra {found['extra']:,}"
        + (f"; {found['keys']:,} keys, {found['out_of_order']} events out of order" if keyed else "")
    )
    check(found["missing"] == 0, f"accepted events are missing: {found['missing_ids']}")
    check(
        found["out_of_order"] == 0,
        f"{found['out_of_order']} events arrived before an earlier one of their key",
    )
    check(found["keyless"] == 0, f"{found['keyless']} records that were not sent by the bench")
    return found


def new_ingestor(broker: KafkaBroker, topic: str, **settings: object) -> Ingestor:
    """Default settings except for the sink, the ack level and the rate limit, which is off."""
    return Ingestor(
        **{
            "SINK": "kafka",
            "KAFKA_BROKERS": broker.address,
            "KAFKA_TOPIC": topic,
            "RATE_LIMIT_RPS": 0,
            "ACK": "memory",
        }
        | settings
    )


def wait_ready(ingestor: Ingestor) -> None:
    wait_until(lambda: ingestor.get_admin("/readyz").status == 200, 30, "the ingestor is ready")


# After an outage a broker can register again only when its old session has expired.
AFTER_OUTAGE_SECONDS = 180


def wait_drained(ingestor: Ingestor, seconds: float = 60) -> float:
    """Waits for an empty journal; returns the seconds that this took."""
    began = time.monotonic()
    try:
        metrics = ingestor.wait_drained(seconds)
    except AssertionError as error:
        raise BenchFault(str(error)) from None
    took = time.monotonic() - began
    dead = metrics.value("event_ingestor_events_dead_lettered_total")
    check(dead == 0, f"{dead:.0f} good events became dead letters")
    return took
