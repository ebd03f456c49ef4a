"""Where the commands of a document run: a copy of the project, with what the directive names around it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from project_tree import files

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from confluent_kafka import Producer  # noqa: E402
from support.broker_process import QUICK_START  # noqa: E402
from support.ingestor import NDJSON, Ingestor  # noqa: E402
from support.kafka_broker import KafkaBroker  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.waiting import wait_until  # noqa: E402

SERVICE, KAFKA = "service", "kafka"
LOG, DAMAGED_LOG, DEAD_LETTERS = "a waiting log", "a damaged log", "dead letters"
KINDS = {
    SERVICE: "the service runs, with the file sink",
    KAFKA: "the service and a real Kafka run",
    LOG: "var/wal holds events that wait, as Kafka is unreachable",
    DAMAGED_LOG: "the same, and two events of it are damaged",
    DEAD_LETTERS: "a real Kafka has dead letters",
}
# The addresses in the documents; those of the run are put in their place.
HTTP = ("127.0.0.1:8080", "localhost:8080")
BROKER = ("localhost:9092", "127.0.0.1:9092")
BLOCK_SECONDS = 300
START_SECONDS = 30

# Every command's output goes into files of its own. curl also reports the status of the reply, on stderr.
PREAMBLE = """set -o pipefail
curl() { command curl --write-out '%{stderr}[status %{http_code}]\\n' "$@"; }
kafka-acls.sh() {
  java -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$KAFKA_JARS" org.apache.kafka.tools.AclCommand "$@"
}
"""


class Ran(NamedTuple):
    status: int
    stdout: str
    stderr: str


class Broker:
    """The broker of a run: starts while other blocks run, and is awaited by the first block that needs it."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1)
        self._started: Future[KafkaBroker] | None = None

    def start(self) -> None:
        # Everyone may do everything, and rights can be given.
        settings = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        self._started = self._executor.submit(KafkaBroker(settings, options=QUICK_START).start)

    def get(self) -> KafkaBroker:
        assert self._started is not None
        return self._started.result()

    def close(self) -> None:
        if self._started is not None:
            self.get().close()
        self._executor.shutdown()


class Place:
    """A copy of the project, in which the blocks of one file run that need the same things."""

    def __init__(self, root: Path, kind: str, broker: Broker):
        self._root = root
        self._kind = kind
        self._broker = broker
        self._address: str | None = None
        self._port = 0
        self._cleanup = ExitStack()
        self._folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="docs-test-")))
        self.project = self._folder / "event-ingestor"

    def __enter__(self) -> Self:
        try:
            self._copy()
            if self._kind in (KAFKA, DEAD_LETTERS):
                self._address = self._broker.get().address
            if self._kind in (SERVICE, KAFKA):
                self._serve()
            if self._kind in (LOG, DAMAGED_LOG):
                fill_log(self.project)
            if self._kind == DAMAGED_LOG:
                damage_log(self.project / "var/wal")
            if self._kind == DEAD_LETTERS:
                put_dead_letters(self._broker.get())
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _copy(self) -> None:
        for name in files(self._root):
            target = self.project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._root / name, target)
        (self.project / "build").symlink_to(ROOT / "build")
        (self._folder / "bin").mkdir()
        (self._folder / "bin/event-ingestor").symlink_to(ROOT / "build/release/event-ingestor")

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = f"{self._folder}/bin:{os.environ['PATH']}"
        jars = f"{ROOT}/build/kafka/libs/*"
        own = {"PATH": path, "KAFKA_JARS": jars, "KAFKA_BROKERS": self._address or f"127.0.0.1:{free_port()}"}
        return kept | own | ({"HTTP_PORT": str(self._port)} if self._port else {})

    def _serve(self) -> None:
        """As `make run` does after its build."""
        self._port = free_port()
        with (self._folder / "service.log").open("wb") as log:
            process = subprocess.Popen(
                ["tools/run.sh"],
                cwd=self.project,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._cleanup.callback(self._stop, process)

        def ready() -> bool:
            assert process.poll() is None, (self._folder / "service.log").read_text()
            return self._get("/readyz") is not None

        wait_until(ready, START_SECONDS, "the service is ready")

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        status = process.wait(START_SECONDS)
        assert status == 0, f"status {status}\n{(self._folder / 'service.log').read_text()}"

    def _get(self, path: str) -> str | None:
        try:
            with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as reply:
                return reply.read().decode()
        except HTTPError:
            return None
        except URLError as error:
            raise OSError(str(error)) from None

    def _wait_drained(self) -> None:
        """A reader takes longer to go on to the next block than the events to be delivered."""
        if self._port:
            wait_until(
                lambda: "\nevent_ingestor_journal_events 0\n" in (self._get("/metrics") or ""),
                START_SECONDS,
                "all events are delivered",
            )

    def run(self, hidden: str, commands: list[str], terminal: bool) -> list[Ran]:
        """Runs the commands in one shell until one of them fails. The first result is that of `hidden`."""
        out = Path(tempfile.mkdtemp(dir=self._folder))
        script = [PREAMBLE]
        for number, command in enumerate([hidden, *commands]):
            body = self._here(command)
            if terminal and number:
                (out / f"{number}.sh").write_text(body)
                body = f"script -qefc 'bash {out}/{number}.sh' /dev/null\n"
            script.append(
                f"{{ :\n{body}\n}} >{out}/{number}.out 2>{out}/{number}.err\n"
                f"status=$?; echo $status >{out}/{number}.status\n[[ $status == 0 ]] || exit 0\n"
            )
        process = subprocess.Popen(
            ["bash", "-c", "".join(script)],
            cwd=self.project,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(BLOCK_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # the commands without a status are reported
        finally:
            end_group(process)
        self._wait_drained()
        results = []
        for number in range(len(commands) + 1):
            status = out / f"{number}.status"
            if not status.exists():
                break
            said = [
                self._back((out / f"{number}.{kind}").read_text(errors="replace")) for kind in ("out", "err")
            ]
            results.append(Ran(int(status.read_text()), *said))
        return results

    def _here(self, text: str) -> str:
        for documented in HTTP if self._port else ():
            text = text.replace(documented, f"127.0.0.1:{self._port}")
        for documented in BROKER if self._address else ():
            text = text.replace(documented, str(self._address))
        return text

    def _back(self, text: str) -> str:
        text = text.replace(f"127.0.0.1:{self._port}", HTTP[0]) if self._port else text
        return text.replace(self._address, BROKER[0]) if self._address else text

    def addresses(self) -> str:
        parts = [f"{HTTP[0]} is 127.0.0.1:{self._port} here"] if self._port else []
        return ", ".join(parts + ([f"{BROKER[0]} is {self._address}"] if self._address else []))


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends what the commands left running."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def fill_log(project: Path) -> None:
    """A log of three segments of 2 MiB: 500 events were delivered, 4,500 wait."""
    sizes = {"WAL_BYTES_MAX": "64MiB", "BODY_BYTES_MAX": "100KiB", "EVENT_BYTES_MAX": "64KiB"}
    settings = {"ACK": "wal", "SHUTDOWN_TIMEOUT": "0s", "BATCH_EVENTS_MAX": 100} | sizes
    with Ingestor(cwd=project, SINK="file", **settings) as ingestor:
        post_orders(ingestor, 0, 500)
        ingestor.wait_drained()
    unreachable = {"SINK": "kafka", "KAFKA_BROKERS": f"127.0.0.1:{free_port()}"}
    ingestor = Ingestor(cwd=project, **unreachable, **settings)
    post_orders(ingestor, 500, 5000)
    # The delivered one is removed, the next one is prepared.
    wait_until(lambda: len(list((project / "var/wal").glob("*.wal"))) == 4, START_SECONDS, "four segments")
    ingestor.kill()


def post_orders(ingestor: Ingestor, begin: int, end: int) -> None:
    """With commits of 20 events."""
    for first in range(begin, end, 20):
        lines = [
            json.dumps({"id": f"order-{n}", "type": "order", "note": "x" * 1_050})
            for n in range(first, first + 20)
        ]
        assert ingestor.post("\n".join(lines), NDJSON).status == 202


def damage_log(folder: Path) -> None:
    """Damages the header of one commit and another commit's event, and leaves an unfinished file."""
    path = sorted(folder.glob("*.wal"))[1]
    content = bytearray(path.read_bytes())
    commits = [match.start() for match in re.finditer(b"FRAM", content)]
    content[commits[20] + 20] ^= 0xFF
    content[content.index(b"order-", commits[40])] ^= 0xFF
    path.write_bytes(content)
    (folder / "segment.tmp").write_bytes(b"")


def put_dead_letters(broker: KafkaBroker) -> None:
    topics = broker.topics()
    for topic in ("events", "orders", "events-dlq"):
        if topic not in topics:
            broker.create_topic(topic)
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 5})
    for code, topic, count in (("invalid_record", "events", 1000), ("message_too_large", "orders", 3)):
        headers = {
            "dlq_code": code,
            "dlq_reason": "as the broker said",
            "dlq_attempts": "2",
            "dlq_topic": topic,
        }
        headers["dlq_failed_at"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 60))
        for n in range(count):
            producer.produce(
                "events-dlq", f'{{"id":"{code}-{n}","type":"t"}}', f"{code}-{n}", headers=headers
            )
            producer.poll(0)
    assert producer.flush(30) == 0
